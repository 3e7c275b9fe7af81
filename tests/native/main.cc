#include "tests/native/check.h"

int main(int argc, char** argv) { return check::RunTests(argc, argv); }
