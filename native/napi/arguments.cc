#include "native/napi/arguments.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace torch_rnn_mnist {
namespace {

Error Unexpected(const std::string& name, const std::string& expected) {
  return Error(kInvalidArgument, "Expected " + expected + " for " + name + ".");
}

bool Contains(const NumberRange& range, double number) {
  return number >= range.min && (range.is_open ? number < range.max : number <= range.max);
}

std::string Describe(const NumberRange& range) {
  std::ostringstream text;
  text << "from " << range.min << (range.is_open ? " to below " : " to ") << range.max;
  return text.str();
}

}  // namespace

Napi::Object RequireObject(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) throw Unexpected(name, "an object");
  return value.As<Napi::Object>();
}

Napi::Function RequireFunction(const Napi::Value& value, const char* name) {
  if (!value.IsFunction()) throw Unexpected(name, "a function");
  return value.As<Napi::Function>();
}

int64_t RequireInteger(const Napi::Object& object, const char* key, int64_t min, int64_t max) {
  const double number = RequireNumber(object, key);
  if (std::floor(number) != number || number < static_cast<double>(min) || number > static_cast<double>(max)) {
    throw Unexpected(key, "an integer from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return static_cast<int64_t>(number);
}

double RequireNumber(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsNumber() || !std::isfinite(value.As<Napi::Number>().DoubleValue())) throw Unexpected(key, "a finite number");
  return value.As<Napi::Number>().DoubleValue();
}

double RequireNumber(const Napi::Object& object, const char* key, const NumberRange& range) {
  const double number = RequireNumber(object, key);
  if (!Contains(range, number)) throw Unexpected(key, "a number " + Describe(range));
  return number;
}

bool RequireBoolean(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsBoolean()) throw Unexpected(key, "true or false");
  return value.As<Napi::Boolean>();
}

std::string RequireString(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsString()) throw Unexpected(key, "a string");
  return value.As<Napi::String>();
}

std::vector<double> RequireNumbers(const Napi::Object& object, const char* key, const NumberRange& range) {
  const Napi::Value value = object.Get(key);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) {
    throw Unexpected(key, "a Float64Array");
  }
  const auto array = value.As<Napi::Float64Array>();
  std::vector<double> numbers(array.Data(), array.Data() + array.ElementLength());
  if (!std::all_of(numbers.begin(), numbers.end(), [&](double number) { return Contains(range, number); })) {
    throw Unexpected(key, "numbers " + Describe(range));
  }
  return numbers;
}

std::pair<double, double> RequirePair(const Napi::Object& object, const char* key, const NumberRange& range) {
  const Napi::Value value = object.Get(key);
  double numbers[2];
  bool is_pair = value.IsArray() && value.As<Napi::Array>().Length() == 2;
  for (uint32_t i = 0; is_pair && i < 2; ++i) {
    const Napi::Value element = value.As<Napi::Array>().Get(i);
    numbers[i] = element.IsNumber() ? element.As<Napi::Number>().DoubleValue() : range.min - 1;
    is_pair = Contains(range, numbers[i]);
  }
  if (!is_pair) throw Unexpected(key, "two numbers " + Describe(range));
  return {numbers[0], numbers[1]};
}

}  // namespace torch_rnn_mnist
