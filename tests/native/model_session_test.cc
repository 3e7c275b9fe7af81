#include "native/core/model/model_session.h"

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "native/core/runtime/device.h"
#include "native/core/runtime/job_queue.h"
#include "native/core/runtime/random.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

constexpr int kThreads = 1;  // One thread an operation: then two models at once compute exactly what each computes alone.

class TaskJob : public Job {
 public:
  explicit TaskJob(std::packaged_task<void()> task) : task_(std::move(task)) {}
  void Run() noexcept override { task_(); }  // What it throws goes into its future.
  void Drop() noexcept override {}

 private:
  std::packaged_task<void()> task_;
};

// A session on a queue of its own, as the addon holds it.
class Computer {
 public:
  explicit Computer(const ModelOptions& options)
      : session_(std::make_shared<ModelSession>(options, torch::Device(torch::kCPU), kThreads)),
        queue_([session = session_] { session->Open(); }, [session = session_] { session->Close(); }) {}

  std::future<void> Start(std::function<void(ModelSession&)> work) {
    std::packaged_task<void()> task([session = session_, work = std::move(work)] { work(*session); });
    std::future<void> done = task.get_future();
    queue_.Push(std::make_unique<TaskJob>(std::move(task)));
    return done;
  }
  // Throws what the work throws.
  void Run(std::function<void(ModelSession&)> work) { Start(std::move(work)).get(); }

 private:
  std::shared_ptr<ModelSession> session_;
  JobQueue queue_;
};

EpochOptions Epoch() {
  EpochOptions options;
  options.batch_size = 8;
  options.log_interval = 1;
  return options;
}

// Two trainings of two epochs each; returns the losses of all batches and the final parameters.
struct History {
  std::vector<double> losses;
  StateDict state;
};
void TrainTwice(ModelSession& session, const Dataset& data, History& history) {
  for (int training = 0; training < 2; ++training) {
    session.StartTraining(OptimizerOptions());
    for (int epoch = 0; epoch < 2; ++epoch) {
      session.RunEpoch(data, Epoch(), StopSignal(), [&](const TrainProgress& progress) { history.losses.push_back(progress.batch_loss); });
    }
  }
  history.state = session.CopyState();
}

void CheckSameHistory(const History& actual, const History& expected) {
  REQUIRE_EQ(actual.losses, expected.losses);
  REQUIRE_EQ(actual.state.size(), expected.state.size());
  for (size_t i = 0; i < expected.state.size(); ++i) REQUIRE_SAME(actual.state[i].second, expected.state[i].second);
}

TEST(TwoModelsAtOnceComputeWhatEachComputesAlone) {
  const Dataset data = sample::Data(200);  // Shared by both.
  std::vector<History> alone(2);
  for (uint64_t seed = 0; seed < 2; ++seed) {
    Computer computer(sample::Options(seed));
    computer.Run([&](ModelSession& session) { TrainTwice(session, data, alone[seed]); });
  }
  std::vector<History> together(2);
  Computer first(sample::Options(0));
  Computer second(sample::Options(1));
  std::future<void> first_done = first.Start([&](ModelSession& session) { TrainTwice(session, data, together[0]); });
  std::future<void> second_done = second.Start([&](ModelSession& session) { TrainTwice(session, data, together[1]); });
  first_done.get();
  second_done.get();
  CheckSameHistory(together[0], alone[0]);
  CheckSameHistory(together[1], alone[1]);
  REQUIRE(alone[0].losses != alone[1].losses);
}

TEST(SecondTrainingGoesOnWithTheNextEpochsOrder) {
  const Dataset data = sample::Data(50);
  Computer computer(sample::Options());
  History history;
  computer.Run([&](ModelSession& session) { TrainTwice(session, data, history); });

  ImageRnn model(sample::Options());
  std::vector<double> expected;
  for (uint64_t training = 0; training < 2; ++training) {
    Trainer trainer(model, OptimizerOptions());  // A fresh optimizer, but epochs that are counted on.
    for (uint64_t epoch = 0; epoch < 2; ++epoch) {
      trainer.RunEpoch(data, training * 2 + epoch, Epoch(), StopSignal(),
                       [&](const TrainProgress& progress) { expected.push_back(progress.batch_loss); });
    }
  }
  // Not bit for bit: this thread neither flushes denormals nor has the session's number of threads.
  REQUIRE_CLOSE(torch::tensor(history.losses), torch::tensor(expected), /*atol=*/1e-5, /*rtol=*/0);
}

TEST(SessionEvaluatesInfersAndLoads) {
  Computer computer(sample::Options(/*seed=*/1));
  ImageRnn other(sample::Options(/*seed=*/2));
  const Dataset data = sample::Data(20);
  const Evaluation expected = Evaluate(other, data, 8, StopSignal());
  const torch::Tensor logits = Infer(other, sample::Images(20), StopSignal());
  Evaluation evaluation;
  torch::Tensor inferred;
  int threads = 0;
  computer.Run([&](ModelSession& session) {
    session.LoadState(other.CopyState());
    evaluation = session.EvaluateOn(data, 8, StopSignal());
    inferred = session.Infer(sample::Images(20), StopSignal());
    threads = session.ThreadCount();
  });
  REQUIRE_SAME(evaluation.confusion, expected.confusion);
  REQUIRE_NEAR(evaluation.loss, expected.loss, 1e-6);  // Another number of threads may sum in another order.
  REQUIRE_CLOSE(inferred, logits, /*atol=*/1e-6, /*rtol=*/0);
  REQUIRE_EQ(threads, kThreads);
}

TEST(EpochNeedsAStartedTraining) {
  Computer computer(sample::Options());
  const Dataset data = sample::Data(4);
  REQUIRE_THROWS(kInvalidArgument, computer.Run([&](ModelSession& session) { session.RunEpoch(data, Epoch(), StopSignal(), {}); }));
}

TEST(FailureToOpenIsThrownByEveryCall) {
  ModelOptions options = sample::Options();
  options.hidden_size = int64_t{1} << 24;  // A recurrent matrix of a petabyte.
  Computer computer(options);
  const Dataset data = sample::Data(4);
  REQUIRE_THROWS(kOutOfMemory, computer.Run([&](ModelSession& session) { session.Infer(sample::Images(1), StopSignal()); }));
  REQUIRE_THROWS(kOutOfMemory, computer.Run([&](ModelSession& session) { session.EvaluateOn(data, 4, StopSignal()); }));
  REQUIRE_THROWS(kOutOfMemory, computer.Run([](ModelSession& session) { session.StartTraining(OptimizerOptions()); }));
  REQUIRE_THROWS(kOutOfMemory, computer.Run([&](ModelSession& session) { session.RunEpoch(data, Epoch(), StopSignal(), {}); }));
  REQUIRE_THROWS(kOutOfMemory, computer.Run([](ModelSession& session) { session.CopyState(); }));
  REQUIRE_THROWS(kOutOfMemory, computer.Run([](ModelSession& session) { session.LoadState({}); }));
  REQUIRE_THROWS(kOutOfMemory, computer.Run([](ModelSession& session) { session.ThreadCount(); }));
  REQUIRE_THROWS(kOutOfMemory, computer.Run([](ModelSession& session) { session.MoveTo(torch::kCPU); }));
}

// To every device that is there and back: the same parameters, and about the same logits.
TEST(MovedModelComputesTheSame) {
  std::vector<torch::Device> devices = {torch::Device(torch::kCPU)};
  for (int i = 0; i < CudaDeviceCount(); ++i) devices.emplace_back(torch::kCUDA, static_cast<c10::DeviceIndex>(i));
  Computer computer(sample::Options());
  const Dataset data = sample::Data(20);
  computer.Run([&](ModelSession& session) {
    const StateDict state = session.CopyState();
    const torch::Tensor logits = session.Infer(sample::Images(3), StopSignal());
    for (const torch::Device& device : devices) {
      session.MoveTo(device);
      REQUIRE_SAME(session.CopyState()[0].second, state[0].second);
      REQUIRE_CLOSE(session.Infer(sample::Images(3), StopSignal()), logits, /*atol=*/1e-5, /*rtol=*/0);
    }
    session.MoveTo(torch::kCPU);
    REQUIRE_SAME(session.Infer(sample::Images(3), StopSignal()), logits);
    // The optimizer's state stays behind: an epoch needs a new start.
    session.StartTraining(OptimizerOptions());
    session.MoveTo(torch::kCPU);
    REQUIRE_THROWS(kInvalidArgument, session.RunEpoch(data, Epoch(), StopSignal(), {}));
  });
}

TEST(ClosedSessionIsDisposed) {
  ModelSession session(sample::Options(), torch::Device(torch::kCPU), kThreads);
  REQUIRE_THROWS(kDisposed, session.CopyState());  // Not opened yet.
  session.Open();
  session.StartTraining(OptimizerOptions());
  session.Close();
  session.Close();  // Harmless.
  REQUIRE_THROWS(kDisposed, session.CopyState());
  REQUIRE_THROWS(kDisposed, session.RunEpoch(sample::Data(4), Epoch(), StopSignal(), {}));
}

TEST(ClosedQueueStopsAnEpochAndFreesTheNetwork) {
  const auto session = std::make_shared<ModelSession>(sample::Options(), torch::Device(torch::kCPU), kThreads);
  JobQueue queue([session] { session->Open(); }, [session] { session->Close(); });
  const Dataset data = sample::Data(1000);
  std::promise<void> first_batch;
  EpochResult result;
  queue.Push(std::make_unique<TaskJob>(std::packaged_task<void()>([&] {
    session->StartTraining(OptimizerOptions());
    const std::shared_ptr<StopSignal> stop = JobQueue::RunningStop();
    result = session->RunEpoch(data, Epoch(), *stop, [&](const TrainProgress& progress) {
      if (progress.batch > 1) return;
      first_batch.set_value();
      stop->WaitFor([] { return false; });  // The second batch never starts: by then the stop is there.
    });
  })));
  first_batch.get_future().wait();
  queue.Close();
  queue.Join();
  REQUIRE(!result.completed);
  REQUIRE_EQ(result.progress.batch, 1);
  REQUIRE_THROWS(kDisposed, session->CopyState());
}

}  // namespace
}  // namespace torch_rnn_mnist
