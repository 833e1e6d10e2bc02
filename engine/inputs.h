/* Private to engine: the shapes of a network's inputs. */
#ifndef EP_ENGINE_INPUTS_H
#define EP_ENGINE_INPUTS_H

#include "engine/engine.h"

/* Makes every input's shape concrete as the options say, the smallest or the largest where they
 * give a range, and sets batch_from and batch_to. */
ep_status ep__set_inputs(ep_network *network, const ep_specialize_options *options, bool smallest,
                         ep_error *err);

#endif
