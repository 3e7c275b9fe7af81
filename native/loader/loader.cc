// Opens shared libraries by absolute path. The addon names libtorch by SONAME only, so it then binds to exactly these libraries.
// An RPATH cannot do this, because the search order is decided at run time. Does not link libtorch, so it can always be loaded.

#include <napi.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>

#if defined(_WIN32)
#include <windows.h>
#elif defined(__APPLE__)
#include <dlfcn.h>
#include <mach-o/dyld.h>
#else
#include <dlfcn.h>
#include <link.h>
#endif

// One process may load several copies of this file, from several copies of the package. Only one of them at a time may look for an open
// libtorch and open one, so this lock belongs to the process: an inline variable that other libraries can see exists once, although each
// copy defines it (GCC marks it STB_GNU_UNIQUE). Where a compiler does not do so, each copy has a lock of its own.
#ifndef _WIN32
__attribute__((visibility("default")))
#endif
inline std::mutex torch_rnn_mnist_loading;

namespace {

using Path = std::filesystem::path;

std::string ToUtf8(const Path& path) {
  const std::u8string text = path.u8string();
  return {text.begin(), text.end()};
}

// An open library. It is never closed.
#ifdef _WIN32
void* Open(const Path& path) { return reinterpret_cast<void*>(LoadLibraryExW(path.c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH)); }
std::string LastError() { return "LoadLibraryEx failed with error " + std::to_string(GetLastError()); }
void* Find(void* library, const char* symbol) {
  return reinterpret_cast<void*>(GetProcAddress(reinterpret_cast<HMODULE>(library), symbol));
}
#else
// RTLD_LOCAL: nobody else in the process sees these symbols; the addon finds them through its own dependencies.
// RTLD_NODELETE: libtorch starts threads and registers exit handlers, so it must never be unmapped.
void* Open(const Path& path) { return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE); }
std::string LastError() {
  const char* message = dlerror();
  return message == nullptr ? "unknown error" : message;
}
void* Find(void* library, const char* symbol) { return dlsym(library, symbol); }
#endif

// The path of an open library with this file name, whoever opened it.
#if defined(_WIN32)
std::optional<Path> FindOpen(const Path& name) {
  const HMODULE library = GetModuleHandleW(name.c_str());
  if (library == nullptr) return std::nullopt;
  std::wstring path(32768, L'\0');  // The longest path that Windows knows.
  path.resize(GetModuleFileNameW(library, path.data(), static_cast<DWORD>(path.size())));
  return Path(path);
}
#elif defined(__APPLE__)
std::optional<Path> FindOpen(const Path& name) {
  for (uint32_t index = 0; index < _dyld_image_count(); ++index) {
    const char* path = _dyld_get_image_name(index);  // Null when another thread closes a library meanwhile.
    if (path != nullptr && Path(path).filename() == name) return Path(path);
  }
  return std::nullopt;
}
#else
std::optional<Path> FindOpen(const Path& name) {
  struct Search {
    const Path& name;
    std::optional<Path> found;
  } search{name, std::nullopt};
  const auto visit = [](dl_phdr_info* info, size_t, void* data) {
    auto& [wanted, found] = *static_cast<Search*>(data);
    // Linux distributions add a version: libtorch_cpu.so.2.6.
    const std::string file = Path(info->dlpi_name).filename().string();
    if (file == wanted || file.rfind(wanted.string() + ".", 0) == 0) found = info->dlpi_name;
    return found ? 1 : 0;
  };
  dl_iterate_phdr(visit, &search);
  return search.found;
}
#endif

#ifdef __linux__
// How often a thread of libgomp looks for work before it sleeps. By default it spins for some 3 ms: where another program needs the same
// cores, a training step then takes 9 times as long instead of twice. So few turns cost a model that is alone less than 1 %, and bring
// two trainings at once to 3.7 times (`npm run bench -- neighbours`). With 1000 it is 2.4 times, but a model that is alone takes 10 %
// longer.
constexpr char kSpinCount[] = "2000";
constexpr char kSpinVariable[] = "GOMP_SPINCOUNT";

// libgomp reads its settings from the environment when it is opened, and there is no other way to give it some. What the user set counts,
// and nothing stays in the environment. Another native thread that reads the environment at that moment could see it half changed, as with
// every `process.env.NAME = value` in JavaScript. This happens once in a process.
class BoundedSpin {
 public:
  explicit BoundedSpin(const Path& library)
      : is_ours_(library.string().find("libgomp") != std::string::npos && getenv(kSpinVariable) == nullptr &&
                 getenv("OMP_WAIT_POLICY") == nullptr) {
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
  explicit BoundedSpin(const Path&) {}
};
#endif

// Strings from JavaScript are UTF-8 here, whatever the system's code page is.
Path RequirePath(const Napi::Value& value) {
  if (!value.IsString()) throw std::invalid_argument("Expected a path.");
  const std::string text = value.As<Napi::String>();
  return Path(std::u8string(text.begin(), text.end()));
}

void* OpenOrThrow(const Path& path) {
  void* library = Open(path);
  if (library == nullptr) throw std::runtime_error(LastError());
  return library;
}

// open(path): opens a library for good. Throws with the system's reason.
void OpenLibrary(const Napi::CallbackInfo& info) { OpenOrThrow(RequirePath(info[0])); }

// torchVersion(path): the version of an open libtorch_cpu, such as "2.15.0".
Napi::Value TorchVersion(const Napi::CallbackInfo& info) {
  // Declared in torch/csrc/inductor/aoti_torch/c/shim.h: major, minor and patch in the three highest bytes.
  using VersionFunction = uint64_t (*)();
  const auto version_function = reinterpret_cast<VersionFunction>(Find(OpenOrThrow(RequirePath(info[0])), "aoti_torch_abi_version"));
  if (version_function == nullptr) throw std::runtime_error("it does not tell its version");
  const uint64_t version = version_function();
  const auto part = [version](int shift) { return std::to_string((version >> shift) & 0xff); };
  return Napi::String::New(info.Env(), part(56) + "." + part(48) + "." + part(40));
}

// Opens one of the libraries that libtorch needs. Does nothing when one of this name is open, because libtorch binds to that one anyway, or
// when the folder lacks it.
void OpenDependency(const Path& path) {
  if (FindOpen(path.filename()) || !std::filesystem::exists(path)) return;
  [[maybe_unused]] const BoundedSpin bounded_spin(path.filename());
  OpenOrThrow(path);
}

// openLibtorch(folder, dependencies, libtorch): opens libtorch in a folder, after the libraries there that it needs. Returns its path.
//
// If a libtorch is open in this process, opens nothing and returns the path of that one, whoever opened it and wherever it is: a second one
// would register everything again, and the process would end.
Napi::Value OpenLibtorch(const Napi::CallbackInfo& info) {
  const Path folder = RequirePath(info[0]);
  const auto dependencies = info[1].As<Napi::Array>();
  const Path libtorch = RequirePath(info[2]);
  std::lock_guard lock(torch_rnn_mnist_loading);
  std::optional<Path> path = FindOpen(libtorch);
  if (!path) {
    for (uint32_t index = 0; index < dependencies.Length(); ++index) OpenDependency(folder / RequirePath(dependencies.Get(index)));
    path = folder / libtorch;
    OpenOrThrow(*path);
  }
  return Napi::String::New(info.Env(), ToUtf8(*path));
}

// setDefault(name, value): sets an environment variable of the process, which libraries read, unless it is set. In a worker thread,
// `process.env` is only a copy.
void SetDefault(const Napi::CallbackInfo& info) {
  const std::string name = info[0].As<Napi::String>();
  const std::string value = info[1].As<Napi::String>();
#ifdef _WIN32
  if (getenv(name.c_str()) == nullptr) _putenv_s(name.c_str(), value.c_str());
#else
  setenv(name.c_str(), value.c_str(), /*overwrite=*/0);
#endif
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, OpenLibrary, "open"));
  exports.Set("torchVersion", Napi::Function::New(env, TorchVersion, "torchVersion"));
  exports.Set("openLibtorch", Napi::Function::New(env, OpenLibtorch, "openLibtorch"));
  exports.Set("setDefault", Napi::Function::New(env, SetDefault, "setDefault"));
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
