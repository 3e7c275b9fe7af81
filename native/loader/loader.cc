// Opens shared libraries by absolute path. The addon names libtorch by SONAME only, so it then binds to exactly these libraries.
// An RPATH cannot do this, because the search order is decided at run time. Does not link libtorch, so it can always be loaded.

#include <napi.h>

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <string>

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace {

// An open library. It is never closed.
#ifdef _WIN32
void* Open(const std::string& path) {
  return reinterpret_cast<void*>(LoadLibraryExA(path.c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH));
}
std::string LastError() { return "LoadLibraryEx failed with error " + std::to_string(GetLastError()); }
void* Find(void* library, const char* symbol) {
  return reinterpret_cast<void*>(GetProcAddress(reinterpret_cast<HMODULE>(library), symbol));
}
#else
// RTLD_LOCAL: nobody else in the process sees these symbols; the addon finds them through its own dependencies.
// RTLD_NODELETE: libtorch starts threads and registers exit handlers, so it must never be unmapped.
void* Open(const std::string& path) { return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE); }
std::string LastError() {
  const char* message = dlerror();
  return message == nullptr ? "unknown error" : message;
}
void* Find(void* library, const char* symbol) { return dlsym(library, symbol); }
#endif

#ifdef __linux__
// How often a thread of libgomp looks for work before it sleeps. By default it spins for some 3 ms: where another program needs the same
// cores, a training step then takes 9 times as long instead of twice. So few turns cost a model that is alone less than 1 %, and bring
// two trainings at once to 3.7 times (`npm run bench -- neighbours`). With 1000 it is 2.4 times, but a model that is alone takes 10 %
// longer.
constexpr char kSpinCount[] = "2000";
constexpr char kSpinVariable[] = "GOMP_SPINCOUNT";

// libgomp reads its settings from the environment when it is opened. What the user set counts, and nothing stays in the environment.
class BoundedSpin {
 public:
  explicit BoundedSpin(const std::string& library)
      : is_ours_(library.find("libgomp") != std::string::npos && getenv(kSpinVariable) == nullptr && getenv("OMP_WAIT_POLICY") == nullptr) {
    if (is_ours_) setenv(kSpinVariable, kSpinCount, /*overwrite=*/0);
  }
  ~BoundedSpin() {
    if (is_ours_) unsetenv(kSpinVariable);
  }
  BoundedSpin(const BoundedSpin&) = delete;
  BoundedSpin& operator=(const BoundedSpin&) = delete;

 private:
  const bool is_ours_;
};
#else
// Other systems have other OpenMP libraries.
class BoundedSpin {
 public:
  explicit BoundedSpin(const std::string&) {}
};
#endif

std::string RequirePath(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw Napi::TypeError::New(info.Env(), "Expected a path.");
  return info[0].As<Napi::String>();
}

void* OpenOrThrow(const Napi::CallbackInfo& info) {
  void* library = Open(RequirePath(info));
  if (library == nullptr) throw Napi::Error::New(info.Env(), LastError());
  return library;
}

// open(path): opens a library for good. Throws with the system's reason.
void OpenLibrary(const Napi::CallbackInfo& info) {
  [[maybe_unused]] const BoundedSpin bounded_spin(RequirePath(info));
  OpenOrThrow(info);
}

// torchVersion(path): the version of an open libtorch_cpu, such as "2.15.0".
Napi::Value TorchVersion(const Napi::CallbackInfo& info) {
  // Declared in torch/csrc/inductor/aoti_torch/c/shim.h: major, minor and patch in the three highest bytes.
  using VersionFunction = uint64_t (*)();
  const auto version_function = reinterpret_cast<VersionFunction>(Find(OpenOrThrow(info), "aoti_torch_abi_version"));
  if (version_function == nullptr) throw Napi::Error::New(info.Env(), "it does not tell its version");
  const uint64_t version = version_function();
  const auto part = [version](int shift) { return std::to_string((version >> shift) & 0xff); };
  return Napi::String::New(info.Env(), part(56) + "." + part(48) + "." + part(40));
}

// claim(folder): returns the first folder that any environment of this process claimed, because one process can use only one libtorch.
Napi::Value ClaimFolder(const Napi::CallbackInfo& info) {
  static std::mutex mutex;
  static std::string claimed;
  std::lock_guard lock(mutex);
  if (claimed.empty()) claimed = RequirePath(info);
  return Napi::String::New(info.Env(), claimed);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, OpenLibrary, "open"));
  exports.Set("torchVersion", Napi::Function::New(env, TorchVersion, "torchVersion"));
  exports.Set("claim", Napi::Function::New(env, ClaimFolder, "claim"));
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
