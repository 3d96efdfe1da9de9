package collect

import (
	"context"
	"errors"
	"net/http"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// unanswered is an error that says what became of a review.
type unanswered struct {
	outcome facts.ReviewOutcome
	err     error
}

func (e *unanswered) Error() string { return e.err.Error() }
func (e *unanswered) Unwrap() error { return e.err }

// outcomeOf is what became of a review that ended with err. ctx is the run's.
func outcomeOf(ctx context.Context, err error) facts.ReviewOutcome {
	var (
		right *missingRight
		patch *admission.PatchError
		known *unanswered
	)
	switch {
	case err == nil:
		return facts.ReviewAnswered
	case errors.As(err, &right) && right.host == "":
		return facts.ReviewNotAllowed
	case errors.Is(err, errNotAsked), ctx.Err() != nil:
		return facts.ReviewNotAsked
	case errors.As(err, &patch):
		return facts.ReviewBadPatch
	case errors.As(err, &known):
		return known.outcome
	}
	return facts.ReviewBadAnswer
}

// proxyOutcome tells apart what the API server says of its way to a webhook from what the webhook says.
func proxyOutcome(err error) error {
	a, ok := answered(err)
	switch {
	case !ok || !a.Status:
		return err
	case a.Code == http.StatusForbidden:
		return &unanswered{facts.ReviewNotAllowed, err}
	}
	return &unanswered{facts.ReviewUnreachable, err}
}
