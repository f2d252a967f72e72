// Asio's own definitions, compiled once here instead of in every file that uses it
// (the build sets BOOST_ASIO_SEPARATE_COMPILATION).
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
