#pragma once

// Sanitizers make everything many times slower, and look for other mistakes than wrong numbers: a part of the work is enough for them.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
