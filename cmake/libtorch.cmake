# Imported targets for a libtorch folder: torch::cpu (libtorch_cpu) and torch::c10.
# find_package(Torch) is not used: for a CUDA build of libtorch it demands a CUDA toolkit, which the addon does not need.
if(NOT LIBTORCH)
  message(FATAL_ERROR "Expected -DLIBTORCH=<a libtorch ${TORCH_RNN_MNIST_TORCH_VERSION} folder>. From a clone, `npm run build` finds or fetches one.")
endif()
set(version_header "${LIBTORCH}/include/torch/headeronly/version.h")
if(NOT EXISTS "${version_header}")
  message(FATAL_ERROR "${LIBTORCH} is not a libtorch ${TORCH_RNN_MNIST_TORCH_VERSION} folder: ${version_header} is missing.")
endif()
file(STRINGS "${version_header}" version_line REGEX "define TORCH_VERSION ")
if(NOT version_line MATCHES "\"([0-9]+\\.[0-9]+\\.[0-9]+)")
  message(FATAL_ERROR "No version found in ${version_header}.")
endif()
set(found_version ${CMAKE_MATCH_1})
if(NOT found_version VERSION_EQUAL TORCH_RNN_MNIST_TORCH_VERSION AND NOT DEFINED ENV{LIBTORCH_BYPASS_VERSION_CHECK})
  message(FATAL_ERROR "${LIBTORCH} holds libtorch ${found_version}, but this version of torch-rnn-mnist is made for ${TORCH_RNN_MNIST_TORCH_VERSION}. "
    "Set LIBTORCH_BYPASS_VERSION_CHECK=1 to try it all the same.")
endif()
message(STATUS "libtorch ${found_version}: ${LIBTORCH}")

function(add_torch_library target file)
  add_library(${target} SHARED IMPORTED)
  find_library(${target}_location NAMES ${file} PATHS "${LIBTORCH}/lib" NO_DEFAULT_PATH REQUIRED)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${${target}_location}")
  target_include_directories(${target} SYSTEM INTERFACE
    "${LIBTORCH}/include" "${LIBTORCH}/include/torch/csrc/api/include")
endfunction()
add_torch_library(torch::c10 c10)
add_torch_library(torch::cpu torch_cpu)
target_link_libraries(torch::cpu INTERFACE torch::c10)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  # libtorch_cpu's own dependencies (OpenMP, the CUDA runtime) are found at run time beside it.
  target_link_options(torch::cpu INTERFACE -Wl,--allow-shlib-undefined)
endif()
