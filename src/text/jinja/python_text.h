// Python's str, for templates: lengths, indices and white space by code point,
// over valid UTF-8. Pure functions; the callers charge the budget.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ondol::text::jinja {

std::size_t count_chars(std::string_view text);
/// Bytes before the character with that index; text.size() past the end.
std::size_t byte_offset(std::string_view text, std::size_t char_index);
std::u32string to_code_points(std::string_view text);
std::string to_utf8(std::u32string_view text);

/// str.isspace() for one character; what Python's \s matches.
bool is_space(char32_t c);
/// repr() prints it as it stands.
bool is_printable(char32_t c);
bool is_identifier(std::string_view name);

enum class Side : std::uint8_t { kLeft, kRight, kBoth };
/// Without `chars`: white space.
std::string_view strip(std::string_view text, std::optional<std::string_view> chars, Side side);

/// max_splits < 0: no bound. An empty separator is the caller's error.
std::vector<std::string_view> split(std::string_view text, std::string_view separator,
                                    std::int64_t max_splits);
std::vector<std::string_view> rsplit(std::string_view text, std::string_view separator,
                                     std::int64_t max_splits);
std::vector<std::string_view> split_spaces(std::string_view text, std::int64_t max_splits);
std::vector<std::string_view> rsplit_spaces(std::string_view text, std::int64_t max_splits);
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);

/// max_count < 0: all. An empty `from` matches between all characters.
std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    std::int64_t max_count);
/// Occurrences that do not overlap.
std::size_t count_occurrences(std::string_view text, std::string_view part);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);
/// str.title(): each run of letters; Jinja's title filter is another thing.
std::string title(std::string_view text);
std::string swap_case(std::string_view text);

/// str.isalpha() and the others; false for the empty string but for isascii.
bool is_alpha(std::string_view text);
bool is_digit(std::string_view text);
bool is_alnum(std::string_view text);
bool is_all_space(std::string_view text);
bool is_lower(std::string_view text);
bool is_upper(std::string_view text);

/// The number of words as the regular expression \w+ finds them.
std::size_t count_words(std::string_view text);

/// int(text, base) and float(text); nothing where Python raises ValueError.
/// An integer beyond 64 bits is nothing too, with *overflow set.
std::optional<std::int64_t> parse_int(std::string_view text, int base, bool* overflow);
std::optional<double> parse_float(std::string_view text);

}  // namespace ondol::text::jinja
