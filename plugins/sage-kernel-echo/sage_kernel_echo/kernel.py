"""The face of the kernel, and its jobs: each has ended before anybody learns its id."""

from sage_kernel_api.communication import PlainTransport
from sage_kernel_api.context import ContextConfig, PlainContext, check_context_config
from sage_kernel_api.errors import CapabilityError, JobNotFoundError, KernelClosedError
from sage_kernel_api.lifecycle import (
    NoServices,
    NoState,
    PipelineConfig,
    ServiceConfig,
    check_needs,
    check_pipeline_config,
)
from sage_kernel_api.logging import StandardLoggerFactory
from sage_kernel_api.plugins import notify_job_status
from sage_kernel_api.values import Capability, JobId, JobState, JobStatus
from sage_kernel_echo.run import EchoRun


class EchoKernel:
    """Run pipelines in the caller's thread, and log each record that a sink took."""

    name = "echo"
    api_version = "1.0"
    # One instance of each step gets all records, so all records of one key meet there.
    # NEXT: add an ability here once it works; `sage-kernel verify` then tests it.
    capabilities = frozenset({Capability.KEYED_ROUTING})

    def __init__(self) -> None:
        self.logger_factory = StandardLoggerFactory("sage_kernel.echo")
        self.service_manager = NoServices("echo")  # NEXT: services
        self.job_manager = EchoJobs(self)
        self.is_closed = False

    def create_execution_context(self, config: ContextConfig) -> PlainContext:
        return self.make_context(config, PlainTransport())

    create_runtime_context = create_execution_context

    def make_context(self, config: ContextConfig, transport: PlainTransport) -> PlainContext:
        """Return a context on that transport; without services and state, which are refused."""
        self.check_open()
        # NEXT: state, with a StateManager in place of NoState.
        logger = self.logger_factory.get_logger(check_context_config(config).get("name", "context"))
        return PlainContext(config, logger, transport, NoState("echo"), self.service_manager)

    def shutdown(self) -> None:
        self.is_closed = True

    def check_open(self) -> None:
        """Raise a `KernelClosedError` after `shutdown`."""
        if self.is_closed:
            raise KernelClosedError("Kernel 'echo' was shut down; make a new one.")


class EchoJobs:
    """Run each job to its end inside `submit_job`, and keep its last status."""

    def __init__(self, kernel: EchoKernel) -> None:
        self._kernel = kernel
        self._ended: dict[JobId, JobStatus] = {}
        self._submitted = 0

    def submit_job(self, pipeline_config: PipelineConfig) -> JobId:
        self._kernel.check_open()
        config = check_pipeline_config(pipeline_config)
        check_needs(config, "echo", self._kernel.capabilities)
        self._submitted += 1
        job_id, done = JobId(f"echo-{self._submitted}"), JobState.FINISHED
        status = JobStatus(job_id=job_id, name=config["name"], state=done, steps={}, edges=[])
        try:
            EchoRun(config, self._kernel.make_context).run()
        except Exception as error:  # noqa: BLE001 - the status tells it, and callers raise it
            status["state"], status["exception"] = JobState.FAILED, error
        self._ended[job_id] = status
        notify_job_status("echo", status)
        return job_id

    def get_job_status(self, job_id: JobId) -> JobStatus:
        if job_id not in self._ended:
            raise JobNotFoundError(f"Kernel 'echo' has no job {job_id!r} that has ended.")
        return self._ended[job_id].copy()

    def wait_job(self, job_id: JobId, timeout_s: float | None = None) -> JobStatus:
        return self.get_job_status(job_id)

    def cancel_job(self, job_id: JobId) -> bool:
        self.get_job_status(job_id)
        return False

    def list_jobs(self) -> list[JobStatus]:
        return [status.copy() for status in self._ended.values()]

    def delete_job(self, job_id: JobId) -> bool:
        self.get_job_status(job_id)
        del self._ended[job_id]
        return True

    def register_service_factory(self, name: str, factory_config: ServiceConfig) -> None:
        raise CapabilityError("Kernel 'echo' offers no services; choose a kernel that does.")
