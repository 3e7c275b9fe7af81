# Fails when the object file of kernels for an instruction set defines a function that others could use, or code that runs when the program is
# loaded. The linker keeps one definition of an inline function for all files: it could be one with instructions that this processor lacks.
# Run with NM and LIBRARY, the archive with the object files.
cmake_policy(SET CMP0057 NEW)  # if(IN_LIST)

# What the symbols of a set have in their mangled names: the entry point, and templates over the set's vectors, which are its own.
set(own_avx2 "11Avx2KernelsEv$|4Avx2")
set(own_avx512 "13Avx512KernelsEv$|6Avx512")
set(sets_without_flags neon portable portable16)

execute_process(COMMAND "${NM}" -P "${LIBRARY}" OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" lines "${output}")
set(set "")
set(found "")
set(problems "")
foreach(line IN LISTS lines)
  # "libfused.a[kernels_avx2.cc.o]:" begins an object file, or, from LLVM's nm, "kernels_avx2.cc.o:".
  if(line MATCHES "(^|\\[|\\()([^][()]+)(\\]|\\))?:$")
    set(set "")
    if(CMAKE_MATCH_2 MATCHES "^kernels_([a-z0-9]+)\\.")
      set(set ${CMAKE_MATCH_1})
      list(APPEND found ${set})
    endif()
  elseif(set AND NOT set IN_LIST sets_without_flags AND line MATCHES "^([^ ]+) ([^ ])( |$)")
    set(symbol ${CMAKE_MATCH_1})
    set(kind ${CMAKE_MATCH_2})  # T: a function. W: one that several files may define. Data needs no instructions.
    if(NOT own_${set})
      message(FATAL_ERROR "This check knows no set ${set}: say what its symbols have in their names.")
    elseif(symbol MATCHES "_GLOBAL__sub_I_")
      string(APPEND problems "\n  kernels_${set} runs code when the program is loaded: ${symbol}")
    elseif(kind MATCHES "[TW]" AND NOT symbol MATCHES "${own_${set}}")
      string(APPEND problems "\n  kernels_${set} defines for all files: ${symbol}")
    endif()
  endif()
endforeach()
if(NOT found)
  message(FATAL_ERROR "Expected object files of kernels in ${LIBRARY} but found none.")
endif()
if(problems)
  message(FATAL_ERROR "Code of an instruction set that runs without being chosen:${problems}")
endif()
message(STATUS "Checked: ${found}")
