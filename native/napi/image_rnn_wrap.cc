#include "native/napi/image_rnn_wrap.h"

#include <string>
#include <utility>
#include <vector>

#include "native/core/device.h"
#include "native/napi/arguments.h"
#include "native/napi/async_call.h"
#include "native/napi/callback.h"
#include "native/napi/dataset_wrap.h"
#include "native/napi/tensors.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kMaxSize = 1 << 24;  // Bound of every size option: no product of two of them overflows.
constexpr int64_t kMaxThreads = 1024;

// The result of a job that has none.
struct Done {};
Napi::Value DoneToJavaScript(Napi::Env env, const Done&) { return env.Undefined(); }

ModelOptions ReadModelOptions(const Napi::Object& object) {
  ModelOptions options;
  options.input_size = RequireInteger(object, "inputSize", 1, kMaxSize);
  options.hidden_size = RequireInteger(object, "hiddenSize", 1, kMaxSize);
  options.num_layers = RequireInteger(object, "numLayers", 1, kMaxSize);
  options.num_classes = RequireInteger(object, "numClasses", 1, kMaxSize);
  options.nonlinearity = RequireString(object, "nonlinearity") == "relu" ? Nonlinearity::kRelu : Nonlinearity::kTanh;
  options.recurrent_init = RequireString(object, "recurrentInit") == "uniform" ? RecurrentInit::kUniform : RecurrentInit::kIdentity;
  options.seed = static_cast<uint64_t>(RequireInteger(object, "seed", 0, kMaxSafeInteger));
  return options;
}

EpochOptions ReadEpochOptions(const Napi::Object& object) {
  EpochOptions options;
  options.batch_size = RequireInteger(object, "batchSize", 1, kMaxSize);
  options.shuffle = RequireBoolean(object, "shuffle");
  options.log_interval = RequireInteger(object, "logInterval", 1, kMaxSafeInteger);
  return options;
}

// Bytes of a network with its gradients and Adam's two moments.
int64_t EstimateBytes(const ModelOptions& o) {
  const double hidden = static_cast<double>(o.hidden_size);
  const double first = hidden * (static_cast<double>(o.input_size) + hidden + 2);
  const double others = static_cast<double>(o.num_layers - 1) * hidden * (2 * hidden + 2);
  const double parameters = first + others + static_cast<double>(o.num_classes) * (hidden + 1);
  return static_cast<int64_t>(parameters * 4 * sizeof(float));
}

torch::Tensor ReadImages(const Napi::Value& value, int64_t input_size) {
  torch::Tensor images = TensorFromJavaScript(value, "images");
  if (images.dim() != 3 || images.size(2) != input_size || images.numel() == 0) {
    throw Error(kInvalidShape, "Expected images of shape [N, T, " + std::to_string(input_size) + "] with N and T at least 1.");
  }
  return images;
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
  object.Set("seconds", progress.seconds);
  return object;
}

Napi::Value EpochToJavaScript(Napi::Env env, const EpochResult& result) {
  Napi::Object object = ProgressToJavaScript(env, result.progress);
  object.Set("completed", result.completed);
  return object;
}

Napi::Value EvaluationToJavaScript(Napi::Env env, const Evaluation& evaluation) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("loss", evaluation.loss);
  object.Set("samples", static_cast<double>(evaluation.samples));
  object.Set("seconds", evaluation.seconds);
  const int64_t classes = evaluation.confusion.size(0);
  const auto counts = evaluation.confusion.accessor<int64_t, 2>();
  Napi::Array rows = Napi::Array::New(env, static_cast<size_t>(classes));
  for (int64_t label = 0; label < classes; ++label) {
    Napi::Array row = Napi::Array::New(env, static_cast<size_t>(classes));
    for (int64_t predicted = 0; predicted < classes; ++predicted) {
      row.Set(static_cast<uint32_t>(predicted), static_cast<double>(counts[label][predicted]));
    }
    rows.Set(static_cast<uint32_t>(label), row);
  }
  object.Set("confusionMatrix", rows);
  return object;
}

Napi::Value PredictionToJavaScript(Napi::Env env, const Prediction& prediction) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("classes", BytesToJavaScript(env, prediction.classes));
  object.Set("probabilities", TensorToJavaScript(env, prediction.probabilities));
  return object;
}

Napi::Value StateToJavaScript(Napi::Env env, const StateDict& state) {
  Napi::Object object = Napi::Object::New(env);
  for (const auto& [name, tensor] : state) object.Set(name, TensorToJavaScript(env, tensor));
  return object;
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

// Tells JavaScript about progress without making training wait: one callback may be under way while the next batches run; when it is
// still not done at the next report, training waits, so that events cannot pile up.
class ProgressReporter {
 public:
  ProgressReporter(std::shared_ptr<Callback> callback, std::shared_ptr<StopSignal> stop)
      : callback_(std::move(callback)), stop_(std::move(stop)) {}

  void Report(const TrainProgress& progress) {
    Finish();
    call_ = callback_->Call([progress](Napi::Env env) { return ProgressToJavaScript(env, progress); }, stop_);
  }

  // After a stop nobody waits: an epoch ends with the running batch.
  void Finish() {
    if (const std::shared_ptr<CallbackCall> call = std::move(call_); call && !stop_->Requested()) call->Wait();
  }

 private:
  const std::shared_ptr<Callback> callback_;
  const std::shared_ptr<StopSignal> stop_;
  std::shared_ptr<CallbackCall> call_;
};

// Copies of tensors for a hook, which may keep and change them.
std::vector<torch::Tensor> CopyAll(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> copies;
  for (const torch::Tensor& tensor : tensors) copies.push_back(CopyForJavaScript(tensor));
  return copies;
}

Napi::Array TensorsToJavaScript(Napi::Env env, const std::vector<torch::Tensor>& tensors) {
  Napi::Array array = Napi::Array::New(env, tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) array.Set(static_cast<uint32_t>(i), TensorToJavaScript(env, tensors[i]));
  return array;
}

// The forward pass waits until JavaScript is done with the event, as in PyTorch.
void RunJavaScriptHook(const Callback& callback, const ForwardEvent& event) {
  const auto make_event = [module = event.module, training = event.training, inputs = CopyAll(event.inputs),
                           outputs = CopyAll(event.outputs)](Napi::Env env) -> Napi::Value {
    Napi::Object object = Napi::Object::New(env);
    object.Set("module", std::string(kHookedModuleNames[static_cast<size_t>(module)]));
    object.Set("training", training);
    object.Set("inputs", TensorsToJavaScript(env, inputs));
    object.Set("outputs", TensorsToJavaScript(env, outputs));
    return object;
  };
  callback.Call(make_event, JobQueue::RunningStop())->Wait();
}

}  // namespace

Napi::Function ImageRnnWrap::Define(Napi::Env env) {
  return DefineClass(env, "ImageRnn",
                     {
                         InstanceMethod<&ImageRnnWrap::Forward>("forward"),
                         InstanceMethod<&ImageRnnWrap::Predict>("predict"),
                         InstanceMethod<&ImageRnnWrap::Evaluate>("evaluate"),
                         InstanceMethod<&ImageRnnWrap::StartTraining>("startTraining"),
                         InstanceMethod<&ImageRnnWrap::TrainEpoch>("trainEpoch"),
                         InstanceMethod<&ImageRnnWrap::StopTraining>("stopTraining"),
                         InstanceMethod<&ImageRnnWrap::StateDict>("stateDict"),
                         InstanceMethod<&ImageRnnWrap::LoadStateDict>("loadStateDict"),
                         InstanceMethod<&ImageRnnWrap::MoveTo>("to"),
                         InstanceMethod<&ImageRnnWrap::ThreadCount>("threadCount"),
                         InstanceMethod<&ImageRnnWrap::SetForwardHook>("setForwardHook"),
                         InstanceMethod<&ImageRnnWrap::Dispose>("dispose"),
                         InstanceAccessor<&ImageRnnWrap::Device>("device"),
                     });
}

ImageRnnWrap::ImageRnnWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  Guarded(env, [&] {
    const Napi::Object object = RequireObject(info[0], "options");
    const ModelOptions options = ReadModelOptions(object);
    const torch::Device device = ResolveDevice(RequireString(object, "device"));
    const auto threads = static_cast<int>(RequireInteger(object, "threads", 0, kMaxThreads));
    device_ = device.str();
    input_size_ = options.input_size;
    session_ = std::make_shared<ModelSession>(options, device, threads);
    queue_ = std::make_shared<JobQueue>([session = session_] { session->Open(); }, [session = session_] { session->Close(); });
    Environment::Of(env).AddQueue(queue_);
    ReportMemory(env, EstimateBytes(options));
  });
}

void ImageRnnWrap::Finalize(Napi::BasicEnv env) {
  if (!queue_) return;  // The constructor threw.
  // No job is waiting or running: each keeps this object alive. So the thread is idle and ends at once.
  queue_->Close();
  queue_->Join();
  ReportMemory(env, 0);
  if (Environment* environment = env.GetInstanceData<Environment>()) environment->RemoveQueue(queue_);
}

void ImageRnnWrap::ReportMemory(Napi::BasicEnv env, int64_t bytes) {
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes - reported_bytes_);
  reported_bytes_ = bytes;
}

Napi::Value ImageRnnWrap::Forward(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const torch::Tensor images = ReadImages(info[0], input_size_);
    return QueueCall<torch::Tensor>(
        info.Env(), *queue_, info.This().As<Napi::Object>(),
        [session = session_, images](const auto& stop) { return session->Infer(images, *stop); },
        [](Napi::Env env, const torch::Tensor& logits) { return TensorToJavaScript(env, logits); });
  });
}

Napi::Value ImageRnnWrap::Predict(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const torch::Tensor images = ReadImages(info[0], input_size_);
    return QueueCall<Prediction>(
        info.Env(), *queue_, info.This().As<Napi::Object>(),
        [session = session_, images](const auto& stop) { return session->Predict(images, *stop); }, PredictionToJavaScript);
  });
}

Napi::Value ImageRnnWrap::Evaluate(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const std::shared_ptr<const Dataset> dataset = DatasetWrap::Read(info[0]);
    const int64_t batch_size = RequireInteger(RequireObject(info[1], "options"), "batchSize", 1, kMaxSize);
    return QueueCall<Evaluation>(
        info.Env(), *queue_, info.This().As<Napi::Object>(),
        [session = session_, dataset, batch_size](const auto& stop) { return session->EvaluateOn(*dataset, batch_size, *stop); },
        EvaluationToJavaScript);
  });
}

Napi::Value ImageRnnWrap::StartTraining(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    OptimizerOptions options;
    options.learning_rate = RequireNumber(RequireObject(info[0], "options"), "learningRate");
    std::vector<std::shared_ptr<const Dataset>> datasets = {DatasetWrap::Read(info[1])};
    if (!info[2].IsNull()) datasets.push_back(DatasetWrap::Read(info[2]));
    return QueueCall<Done>(
        info.Env(), *queue_, info.This().As<Napi::Object>(),
        [session = session_, options, datasets](const auto&) {
          for (const auto& dataset : datasets) session->CheckFits(*dataset);
          session->StartTraining(options);
          return Done{};
        },
        DoneToJavaScript);
  });
}

Napi::Value ImageRnnWrap::TrainEpoch(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const std::shared_ptr<const Dataset> dataset = DatasetWrap::Read(info[0]);
    const EpochOptions options = ReadEpochOptions(RequireObject(info[1], "options"));
    std::shared_ptr<Callback> callback;
    if (!info[2].IsNull())
      callback = std::make_shared<Callback>(info.Env(), RequireFunction(info[2], "onProgress"), Environment::Hold::kStrong);
    return QueueCall<EpochResult>(
        info.Env(), *queue_, info.This().As<Napi::Object>(),
        [session = session_, dataset, options, callback](const auto& stop) {
          if (!callback) return session->RunEpoch(*dataset, options, *stop, {});
          ProgressReporter reporter(callback, stop);
          EpochResult result =
              session->RunEpoch(*dataset, options, *stop, [&](const TrainProgress& progress) { reporter.Report(progress); });
          reporter.Finish();
          return result;
        },
        EpochToJavaScript, &training_);
  });
}

void ImageRnnWrap::StopTraining(const Napi::CallbackInfo&) {
  if (const std::shared_ptr<StopSignal> stop = training_.lock()) stop->Request();
}

Napi::Value ImageRnnWrap::StateDict(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    return QueueCall<torch_rnn_mnist::StateDict>(
        info.Env(), *queue_, info.This().As<Napi::Object>(), [session = session_](const auto&) { return session->CopyState(); },
        StateToJavaScript);
  });
}

Napi::Value ImageRnnWrap::LoadStateDict(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const auto state = std::make_shared<const torch_rnn_mnist::StateDict>(ReadState(RequireObject(info[0], "state")));
    return QueueCall<Done>(
        info.Env(), *queue_, info.This().As<Napi::Object>(),
        [session = session_, state](const auto&) {
          session->LoadState(*state);
          return Done{};
        },
        DoneToJavaScript);
  });
}

Napi::Value ImageRnnWrap::MoveTo(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const torch::Device device = ResolveDevice(RequireString(RequireObject(info[0], "options"), "device"));
    return QueueCall<std::string>(
        info.Env(), *queue_, info.This().As<Napi::Object>(),
        [session = session_, device](const auto&) {
          session->MoveTo(device);
          return device.str();
        },
        [](Napi::Env env, const std::string& name) { return Napi::String::New(env, name); });
  });
}

Napi::Value ImageRnnWrap::ThreadCount(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    return QueueCall<int>(
        info.Env(), *queue_, info.This().As<Napi::Object>(), [session = session_](const auto&) { return session->ThreadCount(); },
        [](Napi::Env env, const int& threads) { return Napi::Number::New(env, threads); });
  });
}

void ImageRnnWrap::SetForwardHook(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] {
    const HookedModule module = ReadModule(info[0]);
    // The hook is kept alive by this object alone, as its property. It refers back to the model, so a reference from native code would
    // keep both for ever (memory.stress.ts, "left to the garbage collector").
    const std::string property = "hook " + std::string(kHookedModuleNames[static_cast<size_t>(module)]);
    info.This().As<Napi::Object>().Set(property, info[1]);
    if (info[1].IsNull()) return session_->hooks().Set(module, {});
    auto callback = std::make_shared<const Callback>(info.Env(), RequireFunction(info[1], "hook"), Environment::Hold::kWeak);
    session_->hooks().Set(module, [callback](const ForwardEvent& event) { RunJavaScriptHook(*callback, event); });
  });
}

Napi::Value ImageRnnWrap::Dispose(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    Environment& environment = Environment::Of(info.Env());
    const Environment::PendingPromise pending = environment.AddPromise(info.This().As<Napi::Object>());
    queue_->Close();
    ReportMemory(info.Env(), 0);
    queue_->WhenEnded([id = pending.id, dispatcher = environment.dispatcher()] {
      dispatcher->Post([id](Napi::Env env) { Environment::Of(env).Resolve(id, env.Undefined()); });
    });
    return pending.promise;
  });
}

Napi::Value ImageRnnWrap::Device(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), device_); }

}  // namespace torch_rnn_mnist
