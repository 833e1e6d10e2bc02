# EP::ONEDNN, when there is a oneDNN 2. Not through its own package: Debian's asks for the headers of
# OpenCL, which we do not need. Version 3 has another interface.
find_path(ONEDNN_INCLUDE_DIR oneapi/dnnl/dnnl_version.h)
find_library(ONEDNN_LIBRARY dnnl)
mark_as_advanced(ONEDNN_INCLUDE_DIR ONEDNN_LIBRARY)
if(ONEDNN_INCLUDE_DIR AND ONEDNN_LIBRARY)
  file(STRINGS ${ONEDNN_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h onednn_version
    REGEX "#define DNNL_VERSION_MAJOR 2")
  if(onednn_version)
    add_library(EP::ONEDNN SHARED IMPORTED)
    set_target_properties(EP::ONEDNN PROPERTIES IMPORTED_LOCATION ${ONEDNN_LIBRARY}
      INTERFACE_INCLUDE_DIRECTORIES ${ONEDNN_INCLUDE_DIR})
  endif()
endif()
