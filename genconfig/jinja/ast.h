// The tree of a template. A node is one struct with a kind: the evaluator is two switches, and what
// a kind uses is said here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "genconfig/jinja/value.h"

namespace mlc::jinja {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

enum class ExprKind : std::uint8_t {
  kConst,      // value
  kName,       // text
  kTuple,      // children
  kList,       // children
  kDict,       // children: key, value, key, value ...
  kAttribute,  // children[0].text
  kItem,       // children[0][children[1]]
  kSlice,      // children[0][children[1]:children[2]:children[3]], the last three may be null
  kCall,       // children[0](the others, named, *star, **star_star)
  kFilter,     // children[0] (null: the text of a block) | text(the others ...)
  kTest,       // children[0] is text(the others ...)
  kNot,        // children[0]
  kSign,       // text is "+" or "-"
  kAnd,
  kOr,
  kBinary,   // children[0] text children[1]
  kConcat,   // children, joined as texts
  kCompare,  // children[0] ops[0] children[1] ops[1] children[2] ...
  kIf,       // children[1] if children[0] else children[2] (may be null)
};

struct Expr {
  ExprKind kind = ExprKind::kConst;
  std::size_t line = 1;
  std::uint32_t depth = 1;  // levels below and including this node
  std::string text;
  Value value;
  std::vector<ExprPtr> children;
  std::vector<std::string> ops;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr star, star_star;
};

enum class StmtKind : std::uint8_t {
  kData,         // text
  kPrint,        // exprs
  kIf,           // exprs[i] guards bodies[i]; one more body is the else
  kFor,          // target in exprs[0] if exprs[1] (may be null); bodies[0], else bodies[1]
  kSet,          // target = exprs[0]
  kSetBlock,     // target = bodies[0], through the filters exprs[0] (may be null)
  kMacro,        // macro
  kCallBlock,    // exprs[0] is the call, macro the caller
  kFilterBlock,  // exprs[0] filters bodies[0]
  kWith,         // targets[i] = exprs[i]; bodies[0]
  kScope,        // bodies[0] with its own variables
  kBreak,
  kContinue,
};

// What is assigned to: a name, an attribute of a namespace, or a tuple of targets.
struct Target {
  std::string name;
  std::string attribute;
  std::vector<Target> parts;
  bool is_tuple = false;
};

struct Stmt;
using Body = std::vector<Stmt>;

struct MacroDef {
  std::string name;
  std::vector<std::string> parameters;
  std::vector<ExprPtr> defaults;  // of the last parameters
  Body body;
  // Which of these the body names; only then a macro takes more than its parameters.
  bool uses_varargs = false, uses_kwargs = false, uses_caller = false;
};

struct Stmt {
  StmtKind kind = StmtKind::kData;
  std::size_t line = 1;
  std::string text;
  std::vector<Target> targets;  // one, or those of a "with"
  std::vector<ExprPtr> exprs;
  std::vector<Body> bodies;
  std::unique_ptr<MacroDef> macro;
};

}  // namespace mlc::jinja
