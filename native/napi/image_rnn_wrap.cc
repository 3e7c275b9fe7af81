#include "native/napi/image_rnn_wrap.h"

#include <string>
#include <utility>
#include <vector>

#include "native/core/runtime/device.h"
#include "native/napi/arguments.h"
#include "native/napi/async_call.h"
#include "native/napi/callback.h"
#include "native/napi/dataset_wrap.h"
#include "native/napi/model_values.h"
#include "native/napi/tensors.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kMaxThreads = 1024;

// The result of a job that has none.
struct Done {};
Napi::Value DoneToJavaScript(Napi::Env env, const Done&) { return env.Undefined(); }

// Bytes of a network with its gradients and Adam's two moments.
int64_t EstimateBytes(const ModelOptions& o) {
  const double hidden = static_cast<double>(o.hidden_size);
  const double first = hidden * (static_cast<double>(o.input_size) + hidden + 2);
  const double others = static_cast<double>(o.num_layers - 1) * hidden * (2 * hidden + 2);
  const double parameters = first + others + static_cast<double>(o.num_classes) * (hidden + 1);
  return static_cast<int64_t>(parameters * 4 * sizeof(float));
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
