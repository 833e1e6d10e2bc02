/* Private to engine: NumPy's .npy files, the parts that files.c and others need. */
#ifndef EP_ENGINE_NPY_H
#define EP_ENGINE_NPY_H

#include "engine/engine.h"

/* Is there such a type in NumPy? */
bool ep__npy_has(ep_dtype dtype);

/* Appends the header of a version 1 file; the elements follow it as they are. */
void ep__npy_header(const ep_array *array, ep_text *out);

#endif
