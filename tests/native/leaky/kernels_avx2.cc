// What kernels must not have, for a test of kernel_symbols.cmake.
#include <cstdlib>

namespace leaky {

// An inline function that the compiler keeps, as it does with large ones. The linker may take this one for other files as well.
__attribute__((noinline)) inline int Shared(int x) { return x + std::rand(); }

int Global(int x) { return Shared(x); }

// Runs when the program is loaded, on any processor.
extern const int at_load;
const int at_load = std::rand();

}  // namespace leaky
