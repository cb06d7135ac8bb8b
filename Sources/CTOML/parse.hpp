/* Parsing with toml++, made safe for every text. */
#pragma once

#include "tomlplusplus.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ctoml {

/* The first fault of a text. */
struct fault {
  uint32_t line;
  uint32_t column;
  std::string sentence;
  /* The character at the place, if the sentence does not say it itself. */
  std::string found;
};

struct result {
  toml::table table;
  std::optional<ctoml::fault> fault;
};

/* Throws nothing but std::bad_alloc. */
result parse(std::string_view text);

} // namespace ctoml
