#include "native/core/runtime/torch_error.h"

#include <c10/util/Exception.h>
#include <torch/types.h>

#include <exception>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include "tests/native/check.h"

namespace torch_rnn_mnist {
namespace {

Error Translated(const std::function<void()>& body) {
  try {
    body();
  } catch (...) {
    return TranslateException(std::current_exception());
  }
  throw std::logic_error("nothing was thrown");
}

void CheckError(const Error& error, const std::string& code, const std::string& message) {
  REQUIRE_EQ(std::string(error.code()), code);
  REQUIRE_EQ(std::string(error.what()), message);
}

bool HasBacktrace(const std::string& text) { return text.find('\n') != std::string::npos || text.find("frame #") != std::string::npos; }

TEST(OwnErrorsPassUnchanged) {
  const Error error = Translated([] { throw Error(kInvalidShape, "Expected this.", "a detail"); });
  CheckError(error, kInvalidShape, "Expected this.");
  REQUIRE_EQ(error.detail(), std::string("a detail"));
}

TEST(LibtorchErrorsLoseTheirBacktrace) {
  const Error error = Translated([] { torch::zeros({2, 3}).matmul(torch::zeros({4, 5})); });
  CheckError(error, kNative, "libtorch: mm: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)");
  REQUIRE(HasBacktrace(error.detail()));  // The detail still has it.
  REQUIRE(error.detail().find("cannot be multiplied") != std::string::npos);
}

TEST(OnlyTheFirstLineOfALibtorchErrorIsTheMessage) {
  const Error error = Translated([] { TORCH_CHECK(false, "first line\nsecond line"); });
  CheckError(error, kNative, "libtorch: first line");
  REQUIRE(error.detail().find("second line") != std::string::npos);
}

TEST(LackOfMemoryHasItsOwnCode) {
  constexpr int64_t kPetabyte = int64_t{1} << 50;  // More than any machine can map.
  const Error cpu = Translated([] { torch::empty({kPetabyte}, torch::kUInt8); });
  REQUIRE_EQ(std::string(cpu.code()), std::string(kOutOfMemory));
  REQUIRE(!HasBacktrace(cpu.what()));
  const Error device = Translated([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory.\nmore"); });
  CheckError(device, kOutOfMemory, "Not enough device memory: CUDA out of memory.");
  CheckError(Translated([] { throw std::bad_alloc(); }), kOutOfMemory, "Not enough memory.");
}

TEST(LackOfThreadsIsALackOfMemory) {
  const auto fail = [](std::errc condition) { throw std::system_error(std::make_error_code(condition)); };
  CheckError(Translated([&] { fail(std::errc::resource_unavailable_try_again); }), kOutOfMemory,
             "The system starts no more threads for this program. Choose a smaller number of threads.");
  REQUIRE_EQ(std::string(Translated([&] { fail(std::errc::permission_denied); }).code()), std::string(kNative));
}

TEST(LackOfDeviceMemoryIsRecognisedInWhatNvidiasLibrariesSay) {
  const std::string messages[] = {
      "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
      "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
      "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
      "CUDA error: out of memory",
      "CUDA error: cudaErrorMemoryAllocation",
  };
  for (const std::string& message : messages) {
    CheckError(Translated([&] { TORCH_CHECK(false, message, "\nmore"); }), kOutOfMemory, "Not enough device memory: " + message);
    CheckError(Translated([&] { throw std::runtime_error(message + "\nmore"); }), kOutOfMemory, "Not enough device memory: " + message);
  }
  for (const std::string message : {"cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", "CUDA error: an illegal memory access was encountered"}) {
    CheckError(Translated([&] { TORCH_CHECK(false, message); }), kNative, "libtorch: " + message);
  }
}

TEST(OtherExceptionsBecomeNativeErrors) {
  const Error error = Translated([] { throw std::runtime_error("first line\nsecond line"); });
  CheckError(error, kNative, "first line");
  REQUIRE_EQ(error.detail(), std::string("first line\nsecond line"));
  CheckError(Translated([] { throw 42; }), kNative, "An exception of an unknown type came out of native code.");
}

}  // namespace
}  // namespace torch_rnn_mnist
