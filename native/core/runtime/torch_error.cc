#include "native/core/runtime/torch_error.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <iterator>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

namespace torch_rnn_mnist {
namespace {

std::string FirstLine(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

// Only c10's CUDA allocator has an exception type of its own. Of the others, which are c10's CPU allocator and NVIDIA's libraries with
// memory that they take themselves, only the message tells what happened.
constexpr std::string_view kCpuAllocator = "DefaultCPUAllocator";
constexpr std::string_view kDeviceFailures[] = {
    "CUDA error: out of memory",   // cudaErrorMemoryAllocation, as CUDA describes it
    "cudaErrorMemoryAllocation",   // the same by its name
    "CUDA out of memory",          // c10's CUDA allocator, where its type was lost
    "CUBLAS_STATUS_ALLOC_FAILED",  // cuBLAS
    "CUDNN_STATUS_ALLOC_FAILED",   // cuDNN 8, and 9 where it does not tell which memory
    "_ALLOCATION_FAILED",          // cuDNN 9: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED or ..._HOST_...
};

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool IsDeviceOutOfMemory(std::string_view message) {
  return std::any_of(std::begin(kDeviceFailures), std::end(kDeviceFailures),
                     [&](std::string_view part) { return Contains(message, part); });
}

Error FromTorch(const c10::Error& error) {
  const std::string message = error.what_without_backtrace();
  if (Contains(message, kCpuAllocator)) return Error(kOutOfMemory, "Not enough memory: " + FirstLine(message), error.what());
  if (IsDeviceOutOfMemory(message)) return Error(kOutOfMemory, "Not enough device memory: " + FirstLine(message), error.what());
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
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::resource_unavailable_try_again) return Error(kNative, FirstLine(error.what()), error.what());
    return Error(kOutOfMemory, "The system starts no more threads for this program. Choose a smaller number of threads.", error.what());
  } catch (const std::exception& error) {
    if (IsDeviceOutOfMemory(error.what())) {
      return Error(kOutOfMemory, "Not enough device memory: " + FirstLine(error.what()), error.what());
    }
    return Error(kNative, FirstLine(error.what()), error.what());
  } catch (...) {
    return Error(kNative, "An exception of an unknown type came out of native code.");
  }
}

}  // namespace torch_rnn_mnist
