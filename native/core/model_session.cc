#include "native/core/model_session.h"

#include <cstdlib>
#include <exception>
#include <mutex>

#include "native/core/inference/evaluation.h"
#include "native/core/inference/inspection.h"
#include "native/core/inference/prediction.h"
#include "native/core/runtime/device.h"
#include "native/core/runtime/job_queue.h"
#include "native/core/runtime/reusing_allocator.h"
#include "native/core/runtime/threads.h"
#include "native/core/runtime/torch_error.h"

namespace torch_rnn_mnist {
namespace {

// The smallest possible training and evaluation.
void UseEverythingOnce(EngineOption option, Precision precision) {
  ModelOptions options;
  options.input_size = options.hidden_size = options.num_layers = 1;
  options.num_classes = 2;
  options.precision = precision;
  ImageRnn model(options);
  ChosenEngine engine(model, option, {&fused::InstructionSets().front()}, /*threads=*/1, torch::kCPU);
  const auto stop = std::make_shared<StopSignal>();
  const auto storage =
      std::make_shared<const ImageStorage>(LabelledImages{torch::zeros({2, 2, 1}, torch::kUInt8), torch::zeros({2}, torch::kUInt8)});
  const auto dataset = std::make_shared<const Dataset>(storage);
  OptimizerOptions optimizer;
  optimizer.clip_grad_norm = 1;
  optimizer.ema_decay = 0;
  BatchRange range;
  range.learning_rates = {1e-3};
  range.loss.label_smoothing = 0.1;
  for (const UpdateRule rule : {UpdateRule::kAdam, UpdateRule::kAdamW, UpdateRule::kMuon}) {
    optimizer.rule = rule;
    Trainer(model, engine, optimizer).Run(dataset, range, stop, {});
  }
  Evaluate(model, engine, *dataset, {.batch_size = 2, .mistakes = 1}, stop);
  Predict(model, engine, torch::zeros({1, 1, 1}), /*batch_size=*/0, stop);
  Inspect(model, torch::zeros({1, 1, 1}), torch::zeros({1}, torch::kUInt8), stop);
}

// At process exit, static objects are destroyed and exit handlers run in the reverse order of their creation. libtorch creates many of its
// static objects at first use, autograd's for instance. So this code uses them all before it registers the handler that stops the queues.
// The handler then runs before they are destroyed, and no thread computes with destroyed objects (process-exit.test.ts, "when the exit
// listeners of the package were removed").
void PrepareForExit() {
  static std::once_flag once;
  std::call_once(once, [] {
    UseEverythingOnce(EngineOption::kTorch, Precision::kFloat32);
    UseEverythingOnce(EngineOption::kTorch, Precision::kBfloat16);
    UseEverythingOnce(EngineOption::kFused, Precision::kFloat32);
    std::atexit(JobQueue::StopAll);
  });
}

}  // namespace

torch::Device ResolveDeviceFor(EngineOption engine, const std::string& name, int cuda_devices) {
  if (engine == EngineOption::kFused && name == "auto") return torch::kCPU;
  return ResolveDevice(name, cuda_devices);
}

ComputingPlace DescribePlace(const ModelOptions& options, const Placement& placement, torch::Device device) {
  if (ResolveEngine(placement.engine, options.precision, device) == EngineKind::kTorch) {
    return {device.str(), EngineKind::kTorch, DescribeCpuBackend().capability};
  }
  return {device.str(), EngineKind::kFused, placement.fused.instruction_set->name};
}

ModelSession::ModelSession(const ModelOptions& options, const Placement& placement) : options_(options), placement_(placement) {
  InstallReusingAllocator();  // Here, before the model's thread starts: other threads read the pointer that it sets.
}

void ModelSession::Open() noexcept {
  try {
    threads_ = PrepareComputeThread(placement_.threads, placement_.cores);
    ReuseMemoryOnThisThread();
    PrepareForExit();
    StartDevice(placement_.device);
    CheckPrecision(options_.precision, placement_.device);
    model_ = std::make_unique<ImageRnn>(options_, hooks_);
    model_->MoveTo(placement_.device);
    engine_ = ChooseEngine(placement_.device);
  } catch (...) {
    Close();
    open_error_ = TranslateException(std::current_exception());
  }
}

std::unique_ptr<ChosenEngine> ModelSession::ChooseEngine(torch::Device device) {
  return std::make_unique<ChosenEngine>(*model_, placement_.engine, placement_.fused, threads_, device);
}

void ModelSession::Rest() {
  copies_.Clear();
  if (engine_) engine_->Rest();
  ReleaseKeptMemory();
}

void ModelSession::KeepOnDevice(const Dataset& dataset) {
  const torch::Device device = model().device();
  if (!device.is_cpu()) copies_.Keep(dataset.storage(), device);
}

void ModelSession::Close() noexcept {
  trainer_.reset();
  engine_.reset();
  model_.reset();
  copies_.Clear();
  ReleaseKeptMemory();
}

ImageRnn& ModelSession::model() {
  if (model_) return *model_;
  throw open_error_ ? *open_error_ : Error(kDisposed, "The model was disposed.");
}

ChosenEngine& ModelSession::engine() {
  model();
  return *engine_;
}

Trainer& ModelSession::trainer() {
  model();
  if (!trainer_) throw Error(kInvalidArgument, "Expected startTraining before the first batch.");
  return *trainer_;
}

void ModelSession::StartTraining(const OptimizerOptions& optimizer, bool keep_state) {
  ImageRnn& network = model();
  engine_->CheckTraining();
  if (keep_state && trainer_) return trainer_->Continue(optimizer);
  trainer_.reset();  // Frees its memory before the new one is made.
  trainer_ = std::make_unique<Trainer>(network, *engine_, optimizer);
}

ComputingPlace ModelSession::MoveTo(const std::string& name) {
  ImageRnn& network = model();
  const torch::Device device = ResolveDeviceFor(placement_.engine, name);
  StartDevice(device);
  CheckPrecision(options_.precision, device);
  std::unique_ptr<ChosenEngine> engine = ChooseEngine(device);  // Before anything is changed: it may be refused.
  trainer_.reset();                                             // Its moments are on the old device.
  copies_.Clear();
  network.MoveTo(device);
  engine_ = std::move(engine);
  return DescribePlace(options_, placement_, device);
}

}  // namespace torch_rnn_mnist
