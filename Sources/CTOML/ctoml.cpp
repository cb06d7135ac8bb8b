#include "ctoml.h"
#include "parse.hpp"

#include <memory>
#include <new>
#include <string_view>
#include <vector>

/* Nodes and error point into the table and the fault, which do not move. */
struct ctoml_document {
  ctoml::result parsed;
  std::vector<ctoml_node> nodes;
  ctoml_error error{};
};

static ctoml_text text(std::string_view view) { return {view.data(), view.size()}; }

static ctoml_position position(const toml::source_region &region) { return {region.begin.line, region.begin.column}; }

/* toml++ limits arrays and inline tables to this depth. The limit for headers and dotted keys is enforced here. */
static constexpr size_t deepest = 256;

/* A node is nested more than `deepest` levels deep. */
struct too_deep {
  toml::source_position position;
};

/* A value without its key and its children. */
static ctoml_node describe(const toml::node &value) {
  ctoml_node node{};
  node.position = position(value.source());
  switch (value.type()) {
  case toml::node_type::string:
    node.kind = CTOML_STRING;
    node.string = text(value.as_string()->get());
    break;
  case toml::node_type::integer:
    node.kind = CTOML_INTEGER;
    node.integer = value.as_integer()->get();
    break;
  case toml::node_type::floating_point:
    node.kind = CTOML_FLOAT;
    node.number = value.as_floating_point()->get();
    break;
  case toml::node_type::boolean:
    node.kind = CTOML_BOOLEAN;
    node.boolean = value.as_boolean()->get();
    break;
  case toml::node_type::array:
    node.kind = CTOML_ARRAY;
    node.children = static_cast<uint32_t>(value.as_array()->size());
    break;
  case toml::node_type::table:
    node.kind = CTOML_TABLE;
    node.children = static_cast<uint32_t>(value.as_table()->size());
    break;
  default:
    node.kind = CTOML_DATE_OR_TIME;
  }
  return node;
}

static void add(std::vector<ctoml_node> &nodes, const toml::node &value, const toml::key *key, size_t depth) {
  if (depth > deepest)
    throw too_deep{value.source().begin};
  ctoml_node node = describe(value);
  if (key) {
    node.key = text(key->str());
    node.key_position = position(key->source());
  }
  nodes.push_back(node);
  if (const auto *array = value.as_array())
    for (const auto &element : *array)
      add(nodes, element, nullptr, depth + 1);
  if (const auto *table = value.as_table())
    for (const auto &[member_key, member] : *table)
      add(nodes, member, &member_key, depth + 1);
}

/* Sets the nodes or the error of a document. */
static void publish(ctoml_document &document) {
  auto &fault = document.parsed.fault;
  try {
    if (!fault)
      add(document.nodes, document.parsed.table, nullptr, 0);
  } catch (const too_deep &deep) {
    document.nodes.clear();
    fault = {deep.position.line, deep.position.column, "expected at most 256 tables and arrays around a value", {}};
  }
  if (fault)
    document.error = {{fault->line, fault->column}, text(fault->sentence), text(fault->found)};
}

ctoml_document *ctoml_parse(const char *bytes, size_t length) {
  try {
    auto document = std::make_unique<ctoml_document>();
    document->parsed = ctoml::parse({bytes, length});
    publish(*document);
    return document.release();
  } catch (const std::bad_alloc &) {
    return nullptr;
  }
}

void ctoml_release(ctoml_document *document) { delete document; }

const ctoml_error *ctoml_get_error(const ctoml_document *document) {
  return document->parsed.fault ? &document->error : nullptr;
}

const ctoml_node *ctoml_get_nodes(const ctoml_document *document, size_t *count) {
  *count = document->nodes.size();
  return document->nodes.data();
}
