#include "native/core/model_session.h"

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "native/core/runtime/device.h"
#include "native/core/runtime/job_queue.h"
#include "native/core/runtime/threads.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

constexpr int kThreads = 1;  // One thread per operation, so that two models at once compute exactly what each computes alone.

Placement OnCpu(EngineOption engine = EngineOption::kAuto, int threads = kThreads) {
  return {.engine = engine, .fused = ReadFusedOptions(), .threads = threads};
}

class TaskJob : public Job {
 public:
  explicit TaskJob(std::function<void(const std::shared_ptr<StopSignal>&)> work)
      : task_([this, work = std::move(work)] { work(stop()); }) {}
  std::future<void> future() { return task_.get_future(); }
  void Run() noexcept override { task_(); }  // Its exceptions go into its future.
  void Drop(StopReason) noexcept override {}

 private:
  std::packaged_task<void()> task_;
};

// A session on a queue of its own, as the addon holds it.
class Computer {
 public:
  explicit Computer(const ModelOptions& options, EngineOption engine = EngineOption::kAuto, int threads = kThreads)
      : session_(std::make_shared<ModelSession>(options, OnCpu(engine, threads))),
        queue_(ThreadHooks{[session = session_] { session->Open(); }, [session = session_] { session->Rest(); },
                           [session = session_] { session->Close(); }}) {}

  std::future<void> Start(std::function<void(ModelSession&)> work) {
    auto job = std::make_unique<TaskJob>([session = session_, work = std::move(work)](const auto&) { work(*session); });
    std::future<void> done = job->future();
    queue_.Push(std::move(job));
    return done;
  }
  // Throws what the work throws.
  void Run(std::function<void(ModelSession&)> work) { Start(std::move(work)).get(); }

 private:
  std::shared_ptr<ModelSession> session_;
  JobQueue queue_;
};

BatchRange EpochOf(const Dataset& data, uint64_t epoch) {
  return sample::Batches(data, sample::Epoch{.batch_size = 8, .shuffle = true, .number = epoch});
}

// Two trainings of two epochs each; returns the losses of all batches and the final parameters.
struct History {
  std::vector<double> losses;
  StateDict state;
};
void TrainTwice(ModelSession& session, const std::shared_ptr<const Dataset>& data, History& history) {
  for (uint64_t training = 0; training < 2; ++training) {
    session.StartTraining();
    for (uint64_t epoch = 0; epoch < 2; ++epoch) {
      session.trainer().Run(data, EpochOf(*data, 2 * training + epoch), sample::NoStop(),
                            [&](const TrainProgress& progress) { history.losses.push_back(progress.batch_loss); });
    }
  }
  history.state = session.model().values().Copy();
}

void CheckSameHistory(const History& actual, const History& expected) {
  REQUIRE_EQ(actual.losses, expected.losses);
  REQUIRE_EQ(actual.state.size(), expected.state.size());
  for (size_t i = 0; i < expected.state.size(); ++i) REQUIRE_SAME(actual.state[i].second, expected.state[i].second);
}

torch::Tensor InferIn(ModelSession& session, const torch::Tensor& images) {
  return Infer(session.model(), session.engine(), images, /*batch_size=*/0, sample::NoStop());
}

TEST(TwoModelsAtOnceComputeWhatEachComputesAlone) {
  const auto data = sample::Data(200);  // Shared by both.
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

TEST(SessionComputesWhatItsNetworkComputes) {
  Computer computer(sample::Options(/*seed=*/1));
  ImageRnn other(sample::Options(/*seed=*/2));
  const auto data = sample::Data(20);
  const Evaluation expected = sample::Evaluate(other, data, 8);
  const torch::Tensor logits = sample::Infer(other, sample::Images(20));
  Evaluation evaluation;
  torch::Tensor inferred;
  computer.Run([&](ModelSession& session) {
    session.model().values().Load(other.values().Copy());
    evaluation = Evaluate(session.model(), session.engine(), *data, {.batch_size = 8}, sample::NoStop());
    inferred = InferIn(session, sample::Images(20));
  });
  REQUIRE_SAME(evaluation.confusion, expected.confusion);
  REQUIRE_NEAR(evaluation.loss, expected.loss, 1e-6);  // Another number of threads may sum in another order.
  REQUIRE_CLOSE(inferred, logits, /*atol=*/1e-6, /*rtol=*/0);
}

TEST(BatchesNeedAStartedTraining) {
  Computer computer(sample::Options());
  REQUIRE_THROWS(kInvalidArgument, computer.Run([](ModelSession& session) { session.trainer(); }));
}

TEST(TrainingKeepsTheStateOfTheOneBeforeWhereThereIsOne) {
  Computer computer(sample::Options());
  const auto data = sample::Data(16);
  computer.Run([&](ModelSession& session) {
    const OptimizerOptions averaged{.ema_decay = 0.5};
    session.StartTraining(averaged, /*keep_state=*/true);  // There is none yet.
    REQUIRE_EQ(session.trainer().Copy().updates, 0);
    session.trainer().Run(data, EpochOf(*data, 0), sample::NoStop(), {});
    session.StartTraining(averaged, /*keep_state=*/true);
    REQUIRE_EQ(session.trainer().Copy().updates, 2);
    // A fresh start goes on from what the network holds, which is the average.
    const torch::Tensor average = session.model().values().flat().clone();
    session.StartTraining(averaged, /*keep_state=*/false);
    const TrainingSnapshot fresh = session.trainer().Copy();
    REQUIRE_EQ(fresh.updates, 0);
    REQUIRE_SAME(session.model().values().flat(), average);
    REQUIRE_SAME(fresh.values[0].second.flatten(), average.narrow(0, 0, fresh.values[0].second.numel()));
    // After a move there is no state to keep.
    session.trainer().Run(data, EpochOf(*data, 1), sample::NoStop(), {});
    session.MoveTo("cpu");
    session.StartTraining(averaged, /*keep_state=*/true);
    REQUIRE_EQ(session.trainer().Copy().updates, 0);
  });
}

TEST(FailureToOpenIsThrownByEveryCall) {
  ModelOptions options = sample::Options();
  options.hidden_size = int64_t{1} << 24;  // A recurrent matrix of a petabyte.
  Computer computer(options);
  REQUIRE_THROWS(kOutOfMemory, computer.Run([](ModelSession& session) { session.model(); }));
  REQUIRE_THROWS(kOutOfMemory, computer.Run([](ModelSession& session) { session.engine(); }));
  REQUIRE_THROWS(kOutOfMemory, computer.Run([](ModelSession& session) { session.trainer(); }));
  REQUIRE_THROWS(kOutOfMemory, computer.Run([](ModelSession& session) { session.StartTraining(); }));
  REQUIRE_THROWS(kOutOfMemory, computer.Run([](ModelSession& session) { session.MoveTo("cpu"); }));
}

// To every available device and back: the same parameters, and about the same logits.
TEST(MovedModelComputesTheSame) {
  std::vector<torch::Device> devices = {torch::Device(torch::kCPU)};
  for (int i = 0; i < CudaDeviceCount(); ++i) devices.emplace_back(torch::kCUDA, static_cast<c10::DeviceIndex>(i));
  Computer computer(sample::Options());
  const auto data = sample::Data(20);
  computer.Run([&](ModelSession& session) {
    const torch::Tensor values = session.model().values().flat().clone();
    const torch::Tensor logits = InferIn(session, sample::Images(3));
    for (const torch::Device& device : devices) {
      session.MoveTo(device.str());
      REQUIRE(session.model().device() == device);
      REQUIRE_SAME(session.model().values().flat().cpu(), values);
      REQUIRE_CLOSE(InferIn(session, sample::Images(3)), logits, /*atol=*/1e-5, /*rtol=*/0);
      session.StartTraining();
      REQUIRE(session.trainer().Run(data, EpochOf(*data, 0), sample::NoStop(), {}).completed);
      session.model().values().flat().copy_(values);
    }
    session.MoveTo("cpu");
    REQUIRE_SAME(InferIn(session, sample::Images(3)), logits);
    // The optimizer's state is dropped: training needs a new start.
    REQUIRE_THROWS(kInvalidArgument, session.trainer());
  });
}

TEST(ClosedSessionIsDisposed) {
  ModelSession session(sample::Options(), OnCpu());
  REQUIRE_THROWS(kDisposed, session.model());  // Not opened yet.
  session.Open();
  session.StartTraining();
  session.Close();
  session.Close();  // Harmless.
  REQUIRE_THROWS(kDisposed, session.model());
  REQUIRE_THROWS(kDisposed, session.trainer());
}

TEST(ClosedQueueStopsAnEpochAndFreesTheNetwork) {
  const auto session = std::make_shared<ModelSession>(sample::Options(), OnCpu());
  JobQueue queue(ThreadHooks{.on_start = [session] { session->Open(); }, .on_end = [session] { session->Close(); }});
  const auto data = sample::Data(1000);
  std::promise<void> first_batch;
  RangeResult result;
  queue.Push(std::make_unique<TaskJob>([&](const std::shared_ptr<StopSignal>& stop) {
    session->StartTraining();
    result = session->trainer().Run(data, EpochOf(*data, 0), stop, [&](const TrainProgress& progress) {
      if (progress.batch > 1) return;
      first_batch.set_value();
      stop->WaitFor([] { return false; });  // The second batch never starts, because the stop has been requested by then.
    });
  }));
  first_batch.get_future().wait();
  queue.Close();
  queue.Join();
  REQUIRE(!result.completed);
  REQUIRE_EQ(result.progress.batch, 1);
  REQUIRE_THROWS(kDisposed, session->model());
}

}  // namespace
}  // namespace torch_rnn_mnist
