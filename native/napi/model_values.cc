#include "native/napi/model_values.h"

#include <algorithm>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "native/core/runtime/error.h"
#include "native/core/runtime/random.h"
#include "native/napi/arguments.h"
#include "native/napi/augmentation.h"

namespace torch_rnn_mnist {
namespace {

constexpr double kMaxRate = 100;  // Of learning and of weight decay: the product of both, and what it multiplies, stay finite.
constexpr int64_t kMaxAccumulation = 1'000'000;
constexpr int64_t kMaxThreads = 1024;
constexpr int64_t kMaxCores = 1 << 20;
constexpr int64_t kMaxCudaDevices = 128;
constexpr NumberRange kDecays = {0, 1, /*is_open=*/true};

}  // namespace

ModelOptions ReadModelOptions(const Napi::Object& object) {
  ModelOptions options;
  options.input_size = RequireInteger(object, "inputSize", 1, kMaxSize);
  options.hidden_size = RequireInteger(object, "hiddenSize", 1, kMaxSize);
  options.num_layers = RequireInteger(object, "numLayers", 1, kMaxSize);
  options.num_classes = RequireInteger(object, "numClasses", 1, kMaxSize);
  options.nonlinearity =
      RequireChoice<Nonlinearity>(object, "nonlinearity", {{"tanh", Nonlinearity::kTanh}, {"relu", Nonlinearity::kRelu}});
  options.recurrent_init =
      RequireChoice<RecurrentInit>(object, "recurrentInit", {{"identity", RecurrentInit::kIdentity}, {"uniform", RecurrentInit::kUniform}});
  options.precision = RequireChoice<Precision>(
      object, "precision", {{"float32", Precision::kFloat32}, {"tf32", Precision::kTf32}, {"bf16", Precision::kBfloat16}});
  options.seed = static_cast<uint64_t>(RequireInteger(object, "seed", 0, kMaxSafeInteger));
  if (!object.Get("normalization").IsUndefined()) {
    const Napi::Object normalization = RequireObject(object.Get("normalization"), "normalization");
    const auto read = [&](const char* key, double min) {
      const std::vector<double> numbers = RequireNumbers(normalization, key, {min, std::numeric_limits<float>::max()});
      return std::vector<float>(numbers.begin(), numbers.end());
    };
    options.normalization = {read("mean", std::numeric_limits<float>::lowest()), read("std", std::numeric_limits<float>::min())};
  }
  return options;
}

Placement ReadPlacement(const Napi::Object& object) {
  Placement placement;
  placement.engine = RequireChoice<EngineOption>(
      object, "engine", {{"auto", EngineOption::kAuto}, {"torch", EngineOption::kTorch}, {"fused", EngineOption::kFused}});
  const auto cuda_devices = static_cast<int>(RequireInteger(object, "cudaDevices", 0, kMaxCudaDevices));
  placement.device = ResolveDeviceFor(placement.engine, RequireString(object, "device"), cuda_devices);
  if (placement.engine != EngineOption::kTorch) placement.fused = ReadFusedOptions();
  placement.threads = static_cast<int>(RequireInteger(object, "threads", 0, kMaxThreads));
  placement.cores = static_cast<int>(RequireInteger(object, "cores", 1, kMaxCores));
  return placement;
}

OptimizerOptions ReadOptimizer(const Napi::Object& object) {
  OptimizerOptions options;
  options.rule = RequireChoice<UpdateRule>(object, "optimizer",
                                           {{"adam", UpdateRule::kAdam}, {"adamw", UpdateRule::kAdamW}, {"muon", UpdateRule::kMuon}});
  std::tie(options.beta1, options.beta2) = RequirePair(object, "betas", kDecays);
  options.weight_decay = RequireNumber(object, "weightDecay", {0, kMaxRate});
  options.momentum = RequireNumber(object, "momentum", kDecays);
  options.clip_grad_norm = RequireNumber(object, "clipGradNorm", {0, std::numeric_limits<double>::max()});
  if (!object.Get("emaDecay").IsUndefined()) options.ema_decay = RequireNumber(object, "emaDecay", kDecays);
  return options;
}

BatchRange ReadBatchRange(const Napi::Object& object) {
  BatchRange range;
  range.epoch = static_cast<uint64_t>(RequireInteger(object, "epoch", 0, kMaxEpoch));
  range.first = RequireInteger(object, "first", 0, kMaxSafeInteger);
  range.learning_rates = RequireNumbers(object, "learningRates", {0, kMaxRate});
  range.batch_size = RequireInteger(object, "batchSize", 1, kMaxSize);
  range.shuffle = RequireBoolean(object, "shuffle");
  range.accumulation_steps = RequireInteger(object, "accumulationSteps", 1, kMaxAccumulation);
  range.loss.label_smoothing = RequireNumber(object, "labelSmoothing", {0, 1});
  range.augmentation = ReadAugmentation(object);
  range.log_interval = RequireInteger(object, "logInterval", 1, kMaxSafeInteger);
  return range;
}

Sequences ReadImages(const Napi::Value& value, int64_t input_size) {
  torch::Tensor images = TensorFromJavaScript(value, "images");
  if (images.dim() != 3 || images.size(2) != input_size || images.numel() == 0) {
    throw Error(kInvalidShape, "Expected images of shape [N, T, " + std::to_string(input_size) + "] with N and T at least 1.");
  }
  const torch::Tensor borrowed = BorrowLengths(value.As<Napi::Object>());
  if (!borrowed.defined()) return images;
  torch::Tensor lengths = torch::empty(borrowed.sizes(), torch::kInt64);
  std::copy_n(borrowed.const_data_ptr<int32_t>(), borrowed.numel(), lengths.mutable_data_ptr<int64_t>());
  CheckLengths(lengths, images.size(0), images.size(1));
  return {images, lengths};
}

HookedModule ReadModule(const Napi::Value& value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "?";
  for (size_t i = 0; i < kHookedModuleNames.size(); ++i) {
    if (name == kHookedModuleNames[i]) return static_cast<HookedModule>(i);
  }
  throw Error(kInvalidArgument, "Expected '', 'basic_rnn' or 'FC' for module.");
}

Napi::Object ProgressToJavaScript(Napi::Env env, const TrainProgress& progress) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("batch", static_cast<double>(progress.batch));
  object.Set("batches", static_cast<double>(progress.batches));
  object.Set("samples", static_cast<double>(progress.samples));
  object.Set("batchLoss", progress.batch_loss);
  object.Set("loss", progress.loss);
  object.Set("accuracy", progress.accuracy);
  object.Set("gradientNorm", progress.gradient_norm);
  object.Set("seconds", progress.seconds);
  return object;
}

Napi::Value EvaluationToJavaScript(Napi::Env env, const Evaluation& evaluation, const ResultArrays& arrays) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("loss", evaluation.loss);
  object.Set("samples", static_cast<double>(evaluation.samples));
  object.Set("seconds", evaluation.seconds);
  object.Set("confusion", arrays.Copy(env, evaluation.confusion));
  if (const auto& mistakes = evaluation.mistakes) {
    Napi::Object found = Napi::Object::New(env);
    found.Set("samples", arrays.Copy(env, mistakes->samples));
    found.Set("answers", arrays.Copy(env, mistakes->answers));
    found.Set("probabilities", arrays.Copy(env, mistakes->probabilities));
    object.Set("mistakes", found);
  }
  return object;
}

Napi::Value PredictionToJavaScript(Napi::Env env, const Prediction& prediction, const ResultArrays& arrays) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("classes", arrays.Copy(env, prediction.classes));
  object.Set("probabilities", arrays.Copy(env, prediction.probabilities));
  return object;
}

Napi::Value InspectionToJavaScript(Napi::Env env, const Inspection& inspection, const ResultArrays& arrays) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("hiddenStates", arrays.Copy(env, inspection.hidden_states));
  object.Set("probabilities", arrays.Copy(env, inspection.probabilities));
  if (inspection.gradient_norms.defined()) object.Set("gradientNorms", arrays.Copy(env, inspection.gradient_norms));
  return object;
}

Napi::Value StateToJavaScript(Napi::Env env, const StateDict& state, const ResultArrays& arrays) {
  Napi::Object object = Napi::Object::New(env);
  for (const auto& [name, tensor] : state) object.Set(name, arrays.Copy(env, tensor));
  return object;
}

Napi::Value TrainingToJavaScript(Napi::Env env, const TrainingSnapshot& snapshot, const ResultArrays& arrays) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("values", StateToJavaScript(env, snapshot.values, arrays));
  object.Set("firstMoment", StateToJavaScript(env, snapshot.first, arrays));
  object.Set("secondMoment", StateToJavaScript(env, snapshot.second, arrays));
  object.Set("average", snapshot.average ? StateToJavaScript(env, *snapshot.average, arrays) : env.Null());
  object.Set("updates", static_cast<double>(snapshot.updates));
  object.Set("epochBatches", static_cast<double>(snapshot.epoch_batches));
  object.Set("epochLoss", snapshot.epoch_loss);
  object.Set("epochHits", static_cast<double>(snapshot.epoch_hits));
  object.Set("epochSamples", static_cast<double>(snapshot.epoch_samples));
  return object;
}

TrainingSnapshot ReadTraining(const Napi::Object& object) {
  TrainingSnapshot snapshot;
  snapshot.values = ReadState(RequireObject(object.Get("values"), "values"));
  snapshot.first = ReadState(RequireObject(object.Get("firstMoment"), "firstMoment"));
  snapshot.second = ReadState(RequireObject(object.Get("secondMoment"), "secondMoment"));
  if (!object.Get("average").IsNull()) snapshot.average = ReadState(RequireObject(object.Get("average"), "average"));
  snapshot.updates = RequireInteger(object, "updates", 0, kMaxSafeInteger);
  snapshot.epoch_batches = RequireInteger(object, "epochBatches", 0, kMaxSafeInteger);
  snapshot.epoch_loss = RequireNumber(object, "epochLoss");
  snapshot.epoch_hits = RequireInteger(object, "epochHits", 0, kMaxSafeInteger);
  snapshot.epoch_samples = RequireInteger(object, "epochSamples", 0, kMaxSafeInteger);
  return snapshot;
}

StateDict ReadState(const Napi::Object& object) {
  StateDict state;
  const Napi::Array names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).As<Napi::String>();
    state.emplace_back(name, TensorFromJavaScript(object.Get(name), name));
  }
  return state;
}

}  // namespace torch_rnn_mnist
