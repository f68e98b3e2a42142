"""Progress of the training loop, reported to scikit-learn's callbacks."""

import copy


class Task:
    """A task of scikit-learn's callbacks, with the interface that the training loop uses."""

    def __init__(self, context, estimator, X, y, fitted):
        self.context, self.estimator, self.data = context, estimator, {"X": X, "y": y}
        self.fitted = fitted

    def __enter__(self):
        self.context.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        return self

    def __exit__(self, *exception):
        return False

    def sub(self, name, max_subtasks):
        context = self.context.subcontext(task_name=name, max_subtasks=max_subtasks)
        return Task(context, self.estimator, self.data["X"], self.data["y"], self.fitted)

    def end(self, fit):
        """Report the end; True if a callback requests to stop."""

        def snapshot():
            attributes = self.fitted(fit)
            if attributes is None:
                return None
            return {**attributes, "module_": copy.deepcopy(attributes["module_"])}

        training = fit.module.training
        stop = self.context.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=snapshot, **self.data
        )
        fit.module.train(training)
        return bool(stop)
