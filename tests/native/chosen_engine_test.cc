// Which engine runs a batch, and with how many threads of libtorch.
#include "native/core/training/chosen_engine.h"

#include <ATen/Parallel.h>

#include <functional>
#include <string>
#include <thread>

#include "native/core/runtime/threads.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

constexpr int kThreads = 3;

// On a thread of its own, as that of a model.
void OnComputeThread(const std::function<void()>& work) {
  std::thread([&] {
    PrepareComputeThread(kThreads);
    work();
  }).join();
}

ChosenEngine Choose(ImageRnn& model, EngineOption option) { return {model, option, ReadFusedOptions(), kThreads, torch::kCPU}; }

TEST(TheFusedEngineIsForTheCpuAndFloat32) {
  const auto auto_for = [](Precision precision, torch::Device device) { return ResolveEngine(EngineOption::kAuto, precision, device); };
  const torch::Device gpu(torch::kCUDA, 0);
  REQUIRE(auto_for(Precision::kFloat32, torch::kCPU) == EngineKind::kFused);
  REQUIRE(auto_for(Precision::kTf32, torch::kCPU) == EngineKind::kFused);
  REQUIRE(auto_for(Precision::kBfloat16, torch::kCPU) == EngineKind::kTorch);
  REQUIRE(auto_for(Precision::kFloat32, gpu) == EngineKind::kTorch);
  REQUIRE(ResolveEngine(EngineOption::kTorch, Precision::kFloat32, torch::kCPU) == EngineKind::kTorch);
  REQUIRE(ResolveEngine(EngineOption::kFused, Precision::kFloat32, torch::kCPU) == EngineKind::kFused);
  const Error on_gpu = REQUIRE_THROWS(kInvalidOption, ResolveEngine(EngineOption::kFused, Precision::kFloat32, gpu));
  REQUIRE(std::string(on_gpu.what()).find("cuda:0") != std::string::npos);
  const Error in_bf16 = REQUIRE_THROWS(kInvalidOption, ResolveEngine(EngineOption::kFused, Precision::kBfloat16, torch::kCPU));
  REQUIRE(std::string(in_bf16.what()).find("bf16") != std::string::npos);
}

TEST(HooksSeeTheTensorsOfTorch) {
  ImageRnn model(sample::Options());
  TorchEngine torch_engine(model);
  ChosenEngine engine = Choose(model, EngineOption::kFused);
  const torch::Tensor images = sample::Images(5).to(torch::kFloat32);
  const torch::NoGradGuard no_grad;
  const torch::Tensor fused = engine.Logits(images, sample::NoStop());
  int seen = 0;
  model.hooks().Set(HookedModule::kFc, [&](const ForwardEvent&) { ++seen; });
  const torch::Tensor hooked = engine.Logits(images, sample::NoStop());
  REQUIRE_EQ(seen, 1);
  REQUIRE_SAME(hooked, torch_engine.Logits(images, sample::NoStop()));
  model.hooks().Set(HookedModule::kFc, {});
  REQUIRE_SAME(engine.Logits(images, sample::NoStop()), fused);
}

TEST(HooksTakeATrainingFromTheFusedEngineOnlyWhereAutoChoseIt) {
  const auto data = sample::Data(6);
  const auto range = sample::Batches(*data, sample::Epoch{.batch_size = 2});
  for (const EngineOption option : {EngineOption::kAuto, EngineOption::kTorch, EngineOption::kFused}) {
    ImageRnn model(sample::Options());
    ChosenEngine engine = Choose(model, option);
    Trainer trainer(model, engine);
    engine.CheckTraining();
    int seen = 0;
    const auto hook_after_first = [&](const TrainProgress& progress) {
      if (progress.batch == 1) model.hooks().Set(HookedModule::kModel, [&](const ForwardEvent&) { ++seen; });
    };
    if (option == EngineOption::kFused) {
      const Error error = REQUIRE_THROWS(kInvalidOption, trainer.Run(data, range, sample::NoStop(), hook_after_first));
      REQUIRE(std::string(error.what()).find("forward hook") != std::string::npos);
      REQUIRE_EQ(trainer.Copy().updates, 1);
      REQUIRE_THROWS(kInvalidOption, engine.CheckTraining());
    } else {
      REQUIRE(trainer.Run(data, range, sample::NoStop(), hook_after_first).completed);
      REQUIRE_EQ(seen, 2);
    }
  }
}

TEST(LibtorchHasOneThreadWhileTheFusedEngineComputes) {
  OnComputeThread([] {
    ImageRnn model(sample::Options());
    const torch::Tensor images = sample::Images(5).to(torch::kFloat32);
    const torch::NoGradGuard no_grad;
    ChosenEngine fused = Choose(model, EngineOption::kAuto);
    REQUIRE(fused.kind() == EngineKind::kFused);
    REQUIRE_EQ(fused.threads(), kThreads);
    REQUIRE_EQ(at::get_num_threads(), 1);
    model.hooks().Set(HookedModule::kModel, [](const ForwardEvent&) { REQUIRE_EQ(at::get_num_threads(), kThreads); });
    fused.Logits(images, sample::NoStop());
    REQUIRE_EQ(at::get_num_threads(), kThreads);
    model.hooks().Set(HookedModule::kModel, {});
    fused.Logits(images, sample::NoStop());
    REQUIRE_EQ(at::get_num_threads(), 1);
    const ChosenEngine torch_engine = Choose(model, EngineOption::kTorch);
    REQUIRE(torch_engine.kind() == EngineKind::kTorch);
    REQUIRE_EQ(at::get_num_threads(), kThreads);
  });
}

}  // namespace
}  // namespace torch_rnn_mnist
