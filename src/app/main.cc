#include "app/commands.h"

int main(int argc, char** argv) { return ondol::app::run(argc, argv); }
