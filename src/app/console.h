// What is written to the terminal, and how: numbers for people, JSON for
// programs, and model text with its control characters made harmless.
// Threads: the main thread only.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ondol::app {

bool stdin_is_terminal();
bool stdout_is_terminal();
bool stderr_is_terminal();
int terminal_columns();  // of stderr; 80 when unknown

/// Empty when unset.
std::string environment(const char* name);

void print(std::string_view text);  // to stdout, not flushed
bool flush_output();                // false when stdout cannot be written
/// "ondol: MESSAGE" on stderr.
void print_error(std::string_view message);
void print_note(std::string_view message);
/// One line on stdout.
void print_json(const boost::json::value& value);
void print_json_error(const Error& error);

/// "20GB", "500MB", "1000000"; nullopt for what is no size.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

/// "98.4 MB", "1.2 GB" (powers of ten, as download sizes are given).
std::string human_bytes(std::uint64_t n_bytes);

/// Model output for a terminal: control characters but newline and tab are
/// shown as their visible pictures (U+2400...), C1 controls and bidirectional
/// overrides as U+FFFD, so no text can move the cursor, change colours or
/// answer for the terminal. REQUIRES: valid UTF-8, characters whole.
std::string harmless(std::string_view text);

/// print(harmless(text)) on a terminal, print(text) elsewhere; flushed.
void print_model_text(std::string_view text);

/// All of standard input or of a file, at most max_bytes.
Result<std::string> read_input(const std::string& path_or_dash, std::size_t max_bytes);

}  // namespace ondol::app
