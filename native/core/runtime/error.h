#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace torch_rnn_mnist {

// Stable codes, the same as in lib/errors.ts.
inline constexpr const char* kInvalidOption = "ERR_INVALID_OPTION";
inline constexpr const char* kInvalidArgument = "ERR_INVALID_ARGUMENT";
inline constexpr const char* kInvalidShape = "ERR_INVALID_SHAPE";
inline constexpr const char* kInvalidData = "ERR_INVALID_DATA";
inline constexpr const char* kNotFinite = "ERR_NOT_FINITE";
inline constexpr const char* kDisposed = "ERR_DISPOSED";
inline constexpr const char* kAborted = "ERR_ABORTED";  // Never seen by users: they get the reason of their AbortSignal.
inline constexpr const char* kDeviceUnavailable = "ERR_DEVICE_UNAVAILABLE";
inline constexpr const char* kOutOfMemory = "ERR_OUT_OF_MEMORY";
inline constexpr const char* kLibraryLoad = "ERR_LIBRARY_LOAD";
inline constexpr const char* kNative = "ERR_NATIVE";

// An error with a stable code and a one-line message. Technical details, such as a backtrace, go into `detail`.
class Error : public std::runtime_error {
 public:
  Error(const char* code, const std::string& message, std::string detail = {})
      : std::runtime_error(message), code_(code), detail_(std::move(detail)) {}

  const char* code() const { return code_; }
  const std::string& detail() const { return detail_; }

 private:
  const char* code_;  // One of the constants above: static storage.
  std::string detail_;
};

}  // namespace torch_rnn_mnist
