# Writes the CTest file of a test program: one test for each case that the program lists, so that `ctest -N` shows them all and a failure
# names its case. Run after the program is built, with PROGRAM, PREFIX (of the names), OUTPUT, and EMULATOR: the command line,
# as a list, that runs a program for another processor; else empty.

# Every case ends by itself within a few seconds. The limit only catches a hang, such as a lock that is never released; it is wide
# because sanitizers and busy machines slow the tests down many times over.
set(timeout_seconds 300)

# Sanitizer options, all needed for libtorch rather than for this project's code: a test asks for far more memory than there is; as in a
# plain build, the allocator then has to fail and not the sanitizer.
set(environment "ASAN_OPTIONS=allocator_may_return_null=1;UBSAN_OPTIONS=print_stacktrace=1")

execute_process(COMMAND ${EMULATOR} "${PROGRAM}" --list OUTPUT_VARIABLE cases COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" cases "${cases}")
if(NOT cases)
  message(FATAL_ERROR "${PROGRAM} lists no cases.")
endif()
set(command "")
foreach(word IN LISTS EMULATOR ITEMS "${PROGRAM}")
  string(APPEND command " [=[${word}]=]")
endforeach()
set(text "")
foreach(case IN LISTS cases)
  set(name "[=[${PREFIX}.${case}]=]")
  string(APPEND text "add_test(${name}${command} ${case})\n"
    "set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout_seconds} ENVIRONMENT [=[${environment}]=])\n")
endforeach()
file(WRITE "${OUTPUT}" "${text}")
