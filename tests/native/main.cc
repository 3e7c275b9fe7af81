#include "tests/native/check.h"

int main(int argc, char** argv) { return check::RunCases(argc, argv); }
