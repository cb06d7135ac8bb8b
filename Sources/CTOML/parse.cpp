#include "parse.hpp"

#include <vector>

namespace ctoml {

/* Where each character of a text begins, and where the last one ends. */
static std::vector<size_t> boundaries(std::string_view text) {
  std::vector<size_t> offsets;
  for (size_t i = 0; i < text.size(); i++)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80)
      offsets.push_back(i);
  offsets.push_back(text.size());
  return offsets;
}

static bool fails_assertion(std::string_view text) {
  try {
    (void)toml::parse(text);
  } catch (const failed_assertion &) {
    return true;
  } catch (const toml::parse_error &) {
  }
  return false;
}

/* The character that the parser met when it failed, by its index: the last one of the shortest beginning of the text
 * that makes the parser fail. One that is shorter ends before the character, and a longer one has it as well. */
static size_t failing_character(std::string_view text, const std::vector<size_t> &offsets) {
  size_t passing = 0, failing = offsets.size() - 1;
  while (failing - passing > 1) {
    size_t middle = passing + (failing - passing) / 2;
    (fails_assertion(text.substr(0, offsets[middle])) ? failing : passing) = middle;
  }
  return failing - 1;
}

static const char *sentence(std::string_view function) {
  if (function == "parse_key")
    return "expected a key";
  if (function.starts_with("parse_value"))
    return "expected a value";
  return function == "parse_time" ? "expected a time" : "expected another character";
}

static fault locate(std::string_view text, const failed_assertion &failure) {
  auto offsets = boundaries(text);
  size_t index = failing_character(text, offsets);
  fault fault{1, 1, sentence(failure.function), {}};
  fault.found = text.substr(offsets[index], offsets[index + 1] - offsets[index]);
  for (size_t i = text.starts_with("\xEF\xBB\xBF") ? 1 : 0; i < index; i++) {
    bool ends_line = text[offsets[i]] == '\n';
    fault.line += ends_line;
    fault.column = ends_line ? 1 : fault.column + 1;
  }
  return fault;
}

result parse(std::string_view text) {
  try {
    return {toml::parse(text), {}};
  } catch (const toml::parse_error &error) {
    const auto &place = error.source().begin;
    return {{}, fault{place.line, place.column, std::string(error.description()), {}}};
  } catch (const failed_assertion &failure) {
    return {{}, locate(text, failure)};
  }
}

} // namespace ctoml
