#pragma once

#include <napi.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {

inline constexpr int64_t kMaxSafeInteger = 9007199254740991;  // Number.MAX_SAFE_INTEGER

// Readers of JavaScript values. TypeScript has already checked them; here a wrong value still gives ERR_INVALID_ARGUMENT, never a crash.
// All throw Error.

Napi::Object RequireObject(const Napi::Value& value, const char* name);
Napi::Function RequireFunction(const Napi::Value& value, const char* name);
int64_t RequireInteger(const Napi::Object& object, const char* key, int64_t min, int64_t max);
double RequireNumber(const Napi::Object& object, const char* key);
// A range of numbers. `max` belongs to it unless it `is_open`.
struct NumberRange {
  double min;
  double max;
  bool is_open = false;
};
double RequireNumber(const Napi::Object& object, const char* key, const NumberRange& range);
bool RequireBoolean(const Napi::Object& object, const char* key);
std::string RequireString(const Napi::Object& object, const char* key);
// The values of a Float64Array, each in the range.
std::vector<double> RequireNumbers(const Napi::Object& object, const char* key, const NumberRange& range);
// Two numbers in an array, each in the range.
std::pair<double, double> RequirePair(const Napi::Object& object, const char* key, const NumberRange& range);

// The value for a name in a table.
template <typename Value>
Value RequireChoice(const Napi::Object& object, const char* key, std::initializer_list<std::pair<const char*, Value>> choices) {
  const std::string name = RequireString(object, key);
  std::string known;
  for (const auto& [choice, value] : choices) {
    if (name == choice) return value;
    known += (known.empty() ? "" : " or ") + std::string(choice);
  }
  throw Error(kInvalidArgument, "Expected " + known + " for " + key + ".");
}

}  // namespace torch_rnn_mnist
