#include "native/napi/image_rnn_wrap.h"

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "native/core/inference/evaluation.h"
#include "native/core/inference/inspection.h"
#include "native/core/inference/prediction.h"
#include "native/napi/arguments.h"
#include "native/napi/async_call.h"
#include "native/napi/dataset_wrap.h"
#include "native/napi/forward_hook.h"
#include "native/napi/model_values.h"
#include "native/napi/progress_reporter.h"
#include "native/napi/tensors.h"

namespace torch_rnn_mnist {
namespace {

// Buffers of the network's size: its parameters, their gradients and Adam's two moments.
constexpr int64_t kBuffers = 4;
// What the fused engine has besides: the parameters packed for both passes, and the gradients of two threads.
constexpr int64_t kFusedBuffers = 4;
// The parameters beside their average.
constexpr int64_t kAverageBuffers = 2;

// Lets a property of this object, and nothing else, keep a function alive. The function may lead back to the model, so a reference from
// native code would keep both for ever (memory.stress.ts, "left to the garbage collector").
Napi::Function HoldByProperty(const Napi::CallbackInfo& info, const char* property, const Napi::Value& value) {
  const Napi::Function function = RequireFunction(value, property);
  info.This().As<Napi::Object>().Set(property, function);
  return function;
}

// Options of a call that can be stopped: its number, and how many samples are computed together (0: the default).
struct CallOptions {
  uint64_t call;
  int64_t batch_size;
};
CallOptions ReadCallOptions(const Napi::Value& value) {
  const Napi::Object object = RequireObject(value, "options");
  return {static_cast<uint64_t>(RequireInteger(object, "call", 1, kMaxSafeInteger)), RequireInteger(object, "batchSize", 0, kMaxSize)};
}

// Of the two data sets of a training, errors about the second one name it.
void CheckValidationFits(const Dataset& validation, const ModelOptions& options) {
  try {
    CheckDatasetFits(validation, options.input_size, options.num_classes);
  } catch (const Error& error) {
    throw Error(error.code(), std::string("The validationData do not fit the model. ") + error.what(), error.detail());
  }
}

}  // namespace

Napi::Function ImageRnnWrap::Define(Napi::Env env) {
  return DefineClass(env, "ImageRnn",
                     {
                         InstanceMethod<&ImageRnnWrap::Forward>("forward"),
                         InstanceMethod<&ImageRnnWrap::Predict>("predict"),
                         InstanceMethod<&ImageRnnWrap::Inspect>("inspect"),
                         InstanceMethod<&ImageRnnWrap::Evaluate>("evaluate"),
                         InstanceMethod<&ImageRnnWrap::StartTraining>("startTraining"),
                         InstanceMethod<&ImageRnnWrap::TrainBatches>("trainBatches"),
                         InstanceMethod<&ImageRnnWrap::TrainingState>("trainingState"),
                         InstanceMethod<&ImageRnnWrap::LoadTrainingState>("loadTrainingState"),
                         InstanceMethod<&ImageRnnWrap::StateDict>("stateDict"),
                         InstanceMethod<&ImageRnnWrap::LoadStateDict>("loadStateDict"),
                         InstanceMethod<&ImageRnnWrap::MoveTo>("to"),
                         InstanceMethod<&ImageRnnWrap::ThreadCount>("threadCount"),
                         InstanceMethod<&ImageRnnWrap::Stop>("stop"),
                         InstanceMethod<&ImageRnnWrap::SetForwardHook>("setForwardHook"),
                         InstanceMethod<&ImageRnnWrap::Dispose>("dispose"),
                         InstanceAccessor<&ImageRnnWrap::Device>("device"),
                         InstanceAccessor<&ImageRnnWrap::EngineName>("engine"),
                         InstanceAccessor<&ImageRnnWrap::InstructionSet>("instructionSet"),
                     });
}

ImageRnnWrap::ImageRnnWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  Guarded(env, [&] {
    const Napi::Object object = RequireObject(info[0], "options");
    const ModelOptions options = ReadModelOptions(object);
    arrays_ = std::make_shared<const ResultArrays>(env, HoldByProperty(info, "allocate", info[1]));
    const Placement placement = ReadPlacement(object);
    place_ = DescribePlace(options, placement, placement.device);
    input_size_ = options.input_size;
    session_ = std::make_shared<ModelSession>(options, placement);
    queue_ = std::make_shared<JobQueue>(ThreadHooks{[session = session_] { session->Open(); }, [session = session_] { session->Rest(); },
                                                    [session = session_] { session->Close(); }});
    Environment::Of(env).AddQueue(queue_);
    buffer_bytes_ = LayOut(options).size * static_cast<int64_t>(sizeof(float));
    ReportMemory(env, Buffers() * buffer_bytes_);
  });
}

void ImageRnnWrap::Finalize(Napi::BasicEnv env) {
  if (!queue_) return;  // The constructor threw.
  // No job is waiting or running, because each would keep this object alive. So the thread is idle and ends at once.
  queue_->Close();
  queue_->Join();
  ReportMemory(env, 0);
  if (Environment* environment = env.GetInstanceData<Environment>()) environment->RemoveQueue(queue_);
}

int64_t ImageRnnWrap::Buffers() const { return kBuffers + (place_.engine == EngineKind::kFused ? kFusedBuffers : 0); }

void ImageRnnWrap::ReportBuffers(Napi::BasicEnv env, int64_t buffers) {
  if (reported_bytes_ > 0) ReportMemory(env, buffers * buffer_bytes_);
}

void ImageRnnWrap::ReportMemory(Napi::BasicEnv env, int64_t bytes) {
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes - reported_bytes_);
  reported_bytes_ = bytes;
}

template <typename Work, typename Convert>
Napi::Value ImageRnnWrap::Queue(const Napi::CallbackInfo& info, Work work, Convert convert, uint64_t call) {
  using Result = std::invoke_result_t<Work, ModelSession&, const std::shared_ptr<StopSignal>&>;
  auto run = [session = session_, work = std::move(work)](const std::shared_ptr<StopSignal>& stop) { return work(*session, stop); };
  auto convert_arrays = [arrays = arrays_, convert = std::move(convert)](Napi::Env env, const Result& result) -> Napi::Value {
    if constexpr (std::is_invocable_v<Convert, Napi::Env, const Result&, const ResultArrays&>)
      return convert(env, result, *arrays);
    else
      return convert(env, result);
  };
  return QueueCall<Result>(*queue_, call, info.This().As<Napi::Object>(), std::move(run), std::move(convert_arrays));
}

template <typename Work>
Napi::Value ImageRnnWrap::Queue(const Napi::CallbackInfo& info, Work work, uint64_t call) {
  auto run = [work = std::move(work)](ModelSession& session, const std::shared_ptr<StopSignal>&) {
    work(session);
    return Nothing{};
  };
  return Queue(info, std::move(run), NothingToJavaScript, call);
}

Napi::Value ImageRnnWrap::Forward(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const Sequences images = ReadImages(info[0], input_size_);
    const auto [call, batch_size] = ReadCallOptions(info[1]);
    const auto work = [images, batch_size = batch_size](ModelSession& session, const std::shared_ptr<StopSignal>& stop) {
      return Infer(session.model(), session.engine(), images, batch_size, stop);
    };
    const auto convert = [](Napi::Env env, const torch::Tensor& logits, const ResultArrays& arrays) { return arrays.Copy(env, logits); };
    return Queue(info, work, convert, call);
  });
}

Napi::Value ImageRnnWrap::Predict(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const Sequences images = ReadImages(info[0], input_size_);
    const auto [call, batch_size] = ReadCallOptions(info[1]);
    const auto work = [images, batch_size = batch_size](ModelSession& session, const std::shared_ptr<StopSignal>& stop) {
      return torch_rnn_mnist::Predict(session.model(), session.engine(), images, batch_size, stop);
    };
    return Queue(info, work, PredictionToJavaScript, call);
  });
}

Napi::Value ImageRnnWrap::Inspect(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const Sequences images = ReadImages(info[0], input_size_);
    const torch::Tensor labels = info[1].IsNull() ? torch::Tensor() : TensorFromJavaScript(info[1], "labels");
    const uint64_t call = ReadCallOptions(info[2]).call;
    const auto work = [images, labels](ModelSession& session, const std::shared_ptr<StopSignal>& stop) {
      session.engine().LendThreadsToLibtorch();
      return torch_rnn_mnist::Inspect(session.model(), images, labels, stop);
    };
    return Queue(info, work, InspectionToJavaScript, call);
  });
}

Napi::Value ImageRnnWrap::Evaluate(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const std::shared_ptr<const Dataset> dataset = DatasetWrap::Read(info[0]);
    const auto [call, batch_size] = ReadCallOptions(info[1]);
    const EvaluationOptions options{batch_size, RequireInteger(RequireObject(info[1], "options"), "mistakes", 0, kMaxSize)};
    const auto work = [dataset, options](ModelSession& session, const std::shared_ptr<StopSignal>& stop) {
      session.KeepOnDevice(*dataset);
      return torch_rnn_mnist::Evaluate(session.model(), session.engine(), *dataset, options, stop);
    };
    return Queue(info, work, EvaluationToJavaScript, call);
  });
}

Napi::Value ImageRnnWrap::StartTraining(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const std::shared_ptr<const Dataset> train = DatasetWrap::Read(info[0]);
    const std::shared_ptr<const Dataset> validation = info[1].IsNull() ? nullptr : DatasetWrap::Read(info[1]);
    const OptimizerOptions optimizer = ReadOptimizer(RequireObject(info[2], "optimizer"));
    const uint64_t call = ReadCallOptions(info[3]).call;
    const bool keep_state = RequireBoolean(info[3].As<Napi::Object>(), "keepState");
    const auto work = [train, validation, optimizer, keep_state](ModelSession& session, const std::shared_ptr<StopSignal>&) {
      const ModelOptions& options = session.model().options();
      CheckDatasetFits(*train, options.input_size, options.num_classes);
      if (validation != nullptr) CheckValidationFits(*validation, options);
      session.StartTraining(optimizer, keep_state);
      return Nothing{};
    };
    const auto convert = [this, average = optimizer.ema_decay ? kAverageBuffers : 0](Napi::Env env, const Nothing& nothing) {
      ReportBuffers(env, Buffers() + average);
      return NothingToJavaScript(env, nothing);
    };
    return Queue(info, work, convert, call);
  });
}

Napi::Value ImageRnnWrap::TrainBatches(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const std::shared_ptr<const Dataset> dataset = DatasetWrap::Read(info[0]);
    const BatchRange range = ReadBatchRange(RequireObject(info[1], "options"));
    const uint64_t call = ReadCallOptions(info[1]).call;
    std::shared_ptr<Callback> callback;
    if (!info[2].IsNull()) {
      callback = std::make_shared<Callback>(info.Env(), RequireFunction(info[2], "onProgress"), Environment::Hold::kStrong);
    }
    const auto work = [dataset, range, callback](ModelSession& session, const std::shared_ptr<StopSignal>& stop) {
      session.KeepOnDevice(*dataset);
      std::optional<ProgressReporter> reporter;
      if (callback) reporter.emplace(callback, stop);
      TrainProgressCallback report;
      if (reporter) report = [&](const TrainProgress& progress) { reporter->Report(progress); };
      const RangeResult result = session.trainer().Run(dataset, range, stop, report);
      if (reporter) reporter->Finish();
      if (!result.completed) throw StoppedError(stop->reason());
      return result.progress;
    };
    return Queue(info, work, ProgressToJavaScript, call);
  });
}

Napi::Value ImageRnnWrap::TrainingState(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const auto work = [](ModelSession& session, const std::shared_ptr<StopSignal>&) { return session.trainer().Copy(); };
    return Queue(info, work, TrainingToJavaScript);
  });
}

Napi::Value ImageRnnWrap::LoadTrainingState(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const auto snapshot = std::make_shared<const TrainingSnapshot>(ReadTraining(RequireObject(info[0], "state")));
    return Queue(info, [snapshot](ModelSession& session) { session.trainer().Load(*snapshot); });
  });
}

Napi::Value ImageRnnWrap::StateDict(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const auto work = [](ModelSession& session, const std::shared_ptr<StopSignal>&) { return session.model().values().Copy(); };
    return Queue(info, work, StateToJavaScript);
  });
}

Napi::Value ImageRnnWrap::LoadStateDict(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const auto state = std::make_shared<const torch_rnn_mnist::StateDict>(ReadState(RequireObject(info[0], "state")));
    return Queue(info, [state](ModelSession& session) { session.model().values().Load(*state); });
  });
}

Napi::Value ImageRnnWrap::MoveTo(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const std::string wish = RequireString(RequireObject(info[0], "options"), "device");
    const auto work = [wish](ModelSession& session, const std::shared_ptr<StopSignal>&) { return session.MoveTo(wish); };
    const auto convert = [this](Napi::Env env, const ComputingPlace& place) {
      place_ = place;
      ReportBuffers(env, Buffers());  // The training is gone, and its average.
      return env.Undefined();
    };
    return Queue(info, work, convert);
  });
}

Napi::Value ImageRnnWrap::ThreadCount(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const auto work = [](ModelSession& session, const std::shared_ptr<StopSignal>&) { return session.engine().threads(); };
    return Queue(info, work, [](Napi::Env env, int threads) { return Napi::Number::New(env, threads); });
  });
}

void ImageRnnWrap::Stop(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] {
    const Napi::Object options = RequireObject(info[0], "options");
    queue_->Stop(static_cast<uint64_t>(RequireInteger(options, "call", 1, kMaxSafeInteger)));
  });
}

void ImageRnnWrap::SetForwardHook(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] {
    const HookedModule module = ReadModule(info[0]);
    const std::string property = "hook " + std::string(kHookedModuleNames[static_cast<size_t>(module)]);
    ForwardHook hook;
    if (info[1].IsNull()) {
      info.This().As<Napi::Object>().Set(property, info[1]);
    } else {
      hook = MakeForwardHook(info.Env(), HoldByProperty(info, property.c_str(), info[1]), arrays_);
    }
    session_->hooks().Set(module, std::move(hook));
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

Napi::Value ImageRnnWrap::Device(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), place_.device); }

Napi::Value ImageRnnWrap::EngineName(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), NameOf(place_.engine)); }

Napi::Value ImageRnnWrap::InstructionSet(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), place_.instruction_set); }

}  // namespace torch_rnn_mnist
