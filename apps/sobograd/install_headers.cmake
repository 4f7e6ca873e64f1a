# Installs the public headers of SOBOGRAD_SOURCE into SOBOGRAD_INCLUDE, where engine/ops.h is sobograd/ops.h and nn/linear.h is
# sobograd/nn/linear.h. What they include of each other gets its new name; a public header that includes another one is an error.
cmake_policy(VERSION 3.22)
set(engine_headers autodiff dtype error functions inspect linalg number ops profile random shape tensor threads transforms)
set(inside_headers nn/crc32c.h nn/float16.h nn/json.h nn/safetensors_header.h data/byte_reader.h data/embedded_table.h data/exif.h data/files.h data/picture_loader.h data/stb.h
  data/streams.h)

set(headers "")
foreach(name ${engine_headers})
  list(APPEND headers engine/${name}.h)
endforeach()
file(GLOB others RELATIVE ${SOBOGRAD_SOURCE} ${SOBOGRAD_SOURCE}/nn/*.h ${SOBOGRAD_SOURCE}/nn/models/*.h ${SOBOGRAD_SOURCE}/nn/optim/*.h
  ${SOBOGRAD_SOURCE}/losses/*.h ${SOBOGRAD_SOURCE}/data/*.h)
list(REMOVE_ITEM others ${inside_headers})
list(APPEND headers ${others} apps/sobograd/sobograd.h)

foreach(header ${headers})
  file(READ ${SOBOGRAD_SOURCE}/${header} text)
  string(REGEX MATCHALL "#include \"[^\"]+\"" includes "${text}")
  foreach(include ${includes})
    string(REGEX REPLACE "#include \"([^\"]+)\"" "\\1" included "${include}")
    if(NOT included IN_LIST headers)
      message(FATAL_ERROR "${header} is a public header and includes ${included}, which is not")
    endif()
  endforeach()
  string(REGEX REPLACE "#include \"engine/" "#include \"sobograd/" text "${text}")
  string(REGEX REPLACE "#include \"(nn|losses|data)/" "#include \"sobograd/\\1/" text "${text}")
  string(REGEX REPLACE "^(engine|apps/sobograd)/" "" place ${header})
  message(STATUS "Installing: ${SOBOGRAD_INCLUDE}/${place}")
  file(WRITE ${SOBOGRAD_INCLUDE}/${place} "${text}")
endforeach()
