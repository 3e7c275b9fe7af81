#pragma once

#include <napi.h>

#include <cstdint>

#include "native/core/data/sequences.h"
#include "native/core/inference/evaluation.h"
#include "native/core/inference/inspection.h"
#include "native/core/inference/prediction.h"
#include "native/core/model/forward_hooks.h"
#include "native/core/model/image_rnn.h"
#include "native/core/model_session.h"
#include "native/core/training/trainer.h"
#include "native/napi/tensors.h"

namespace torch_rnn_mnist {

// Conversion of a model's values from and to JavaScript. lib/addon/binding.ts has their TypeScript types.

inline constexpr int64_t kMaxSize = 1 << 24;  // Bound of every size option: no product of two of them overflows.

// From JavaScript. All throw Error.
ModelOptions ReadModelOptions(const Napi::Object& object);
Placement ReadPlacement(const Napi::Object& object);
OptimizerOptions ReadOptimizer(const Napi::Object& object);
BatchRange ReadBatchRange(const Napi::Object& object);
Sequences ReadImages(const Napi::Value& value, int64_t input_size);
HookedModule ReadModule(const Napi::Value& value);
StateDict ReadState(const Napi::Object& object);
TrainingSnapshot ReadTraining(const Napi::Object& object);

// To JavaScript.
Napi::Object ProgressToJavaScript(Napi::Env env, const TrainProgress& progress);
Napi::Value EvaluationToJavaScript(Napi::Env env, const Evaluation& evaluation, const ResultArrays& arrays);
Napi::Value PredictionToJavaScript(Napi::Env env, const Prediction& prediction, const ResultArrays& arrays);
Napi::Value InspectionToJavaScript(Napi::Env env, const Inspection& inspection, const ResultArrays& arrays);
Napi::Value StateToJavaScript(Napi::Env env, const StateDict& state, const ResultArrays& arrays);
Napi::Value TrainingToJavaScript(Napi::Env env, const TrainingSnapshot& snapshot, const ResultArrays& arrays);

}  // namespace torch_rnn_mnist
