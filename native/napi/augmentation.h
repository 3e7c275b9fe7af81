#pragma once

#include <napi.h>

#include "native/core/data/augmentation.h"

namespace torch_rnn_mnist {

// The property `augmentation` of an object: { shift, rotation, scale, shear, flip }, or null for images as they are. Throws Error.
AugmentationOptions ReadAugmentation(const Napi::Object& object);

// augment(dataset, { samples, seed, epoch, augmentation }, into): writes what a training sees of some samples. lib/addon/binding.ts has its
// types. A plain loop on the JavaScript thread.
void Augment(const Napi::CallbackInfo& info);

}  // namespace torch_rnn_mnist
