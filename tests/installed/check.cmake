# Installs the build in BINARY into a folder of its own, builds PROGRAM against it there with the same FLAGS, and runs it.
set(place ${BINARY}/installed)
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "failed: ${ARGN}")
  endif()
endfunction()
file(REMOVE_RECURSE ${place})
run(${CMAKE_COMMAND} --install ${BINARY} --prefix ${place}/prefix)
run(${CMAKE_COMMAND} -S ${PROGRAM} -B ${place}/build -DCMAKE_PREFIX_PATH=${place}/prefix -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_CXX_FLAGS=${FLAGS})
run(${CMAKE_COMMAND} --build ${place}/build)
run(${place}/build/program)
