# find_package(sobograd): gives the target sobograd::sobograd and the header <sobograd/sobograd.h>.
include(CMakeFindDependencyMacro)
find_dependency(fmt)
find_dependency(Threads)
find_dependency(nlohmann_json)
include("${CMAKE_CURRENT_LIST_DIR}/sobograd-targets.cmake")
