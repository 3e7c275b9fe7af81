#include "native/napi/augmentation.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "native/core/data/batches.h"
#include "native/core/runtime/error.h"
#include "native/core/runtime/random.h"
#include "native/napi/arguments.h"
#include "native/napi/dataset_wrap.h"
#include "native/napi/environment.h"
#include "native/napi/tensors.h"

namespace torch_rnn_mnist {
namespace {

std::vector<int64_t> ReadSamples(const Napi::Object& object, const Dataset& dataset) {
  const Napi::Value value = object.Get("samples");
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
    throw Error(kInvalidArgument, "Expected a Uint32Array for samples.");
  }
  const auto array = value.As<Napi::Uint32Array>();
  std::vector<int64_t> samples(array.Data(), array.Data() + array.ElementLength());
  if (std::any_of(samples.begin(), samples.end(), [&](int64_t sample) { return sample >= dataset.size(); })) {
    throw Error(kInvalidArgument, "Expected samples from 0 to " + std::to_string(dataset.size() - 1) + ".");
  }
  return samples;
}

}  // namespace

AugmentationOptions ReadAugmentation(const Napi::Object& object) {
  const Napi::Value value = object.Get("augmentation");
  if (value.IsNull()) return {};
  const Napi::Object given = RequireObject(value, "augmentation");
  return {.shift = RequireNumber(given, "shift"),
          .rotation = RequireNumber(given, "rotation"),
          .scale = RequireNumber(given, "scale"),
          .shear = RequireNumber(given, "shear"),
          .flip = RequireNumber(given, "flip")};
}

void Augment(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] {
    const std::shared_ptr<const Dataset> dataset = DatasetWrap::Read(info[0]);
    const Napi::Object options = RequireObject(info[1], "options");
    const std::vector<int64_t> samples = ReadSamples(options, *dataset);
    const auto seed = static_cast<uint64_t>(RequireInteger(options, "seed", 0, kMaxSafeInteger));
    const auto epoch = static_cast<uint64_t>(RequireInteger(options, "epoch", 0, kMaxEpoch));
    const Augmentation augmentation(ReadAugmentation(options), seed, epoch);
    torch::Tensor into = BorrowFromJavaScript(info[2], "into");
    const torch::Tensor images = Batches(*dataset, torch::kCPU, /*batch_size=*/1, {}, augmentation).Gather(samples).images;
    if (into.scalar_type() != torch::kFloat32 || into.sizes() != images.sizes()) {
      throw Error(kInvalidShape, "Expected a Float32Array with the shape of the images for into.");
    }
    if (images.numel() > 0) std::copy_n(images.const_data_ptr<float>(), images.numel(), into.mutable_data_ptr<float>());
  });
}

}  // namespace torch_rnn_mnist
