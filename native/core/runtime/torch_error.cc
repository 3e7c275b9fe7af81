#include "native/core/runtime/torch_error.h"

#include <c10/util/Exception.h>

#include <new>
#include <string>
#include <string_view>

namespace torch_rnn_mnist {
namespace {

std::string FirstLine(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

// c10's CPU allocator has no exception type of its own, so only the message identifies its errors.
bool IsCpuOutOfMemory(std::string_view message) { return message.find("DefaultCPUAllocator") != std::string_view::npos; }

Error FromTorch(const c10::Error& error) {
  const std::string message = error.what_without_backtrace();
  if (IsCpuOutOfMemory(message)) {
    return Error(kOutOfMemory, "Not enough memory: " + FirstLine(message), error.what());
  }
  return Error(kNative, "libtorch: " + FirstLine(message), error.what());
}

}  // namespace

Error TranslateException(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return error;
  } catch (const c10::OutOfMemoryError& error) {
    return Error(kOutOfMemory, "Not enough device memory: " + FirstLine(error.what_without_backtrace()), error.what());
  } catch (const c10::Error& error) {
    return FromTorch(error);
  } catch (const std::bad_alloc& error) {
    return Error(kOutOfMemory, "Not enough memory.", error.what());
  } catch (const std::exception& error) {
    return Error(kNative, FirstLine(error.what()), error.what());
  } catch (...) {
    return Error(kNative, "An exception of an unknown type came out of native code.");
  }
}

}  // namespace torch_rnn_mnist
