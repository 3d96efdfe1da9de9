package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// errRunTime is the cause of a context whose run took too long.
var errRunTime = errors.New("the time for the run was over")

// whole is a gap of the whole kind, or of an unknown part of it.
var whole facts.Instance

// whatExists is for pods that do not exist.
var whatExists = facts.Do("ask for what exists:", "kubectl get pods")

// failed records the gap for a request that needed right and failed with err. ctx is the run's.
func (c *collector) failed(ctx context.Context, right Rule, about facts.Instance, err error) {
	c.failedFor(ctx, right.Kind, right, about, err)
}

// failedFor is failed for another kind than that of the rule.
func (c *collector) failedFor(ctx context.Context, kind facts.Kind, right Rule, about facts.Instance, err error) {
	if reason, remedy, ok := ended(ctx); ok {
		c.gap(kind, about, fmt.Sprintf("%s: %s %s", reason, right.Verbs[0], right.object()), remedy)
		return
	}
	reason, remedy := explain(err, right)
	c.gap(kind, about, reason, remedy)
}

// ended says why a run that is over did not do something.
func ended(ctx context.Context) (reason string, remedy facts.Remedy, ok bool) {
	switch {
	case ctx.Err() == nil:
		return "", facts.Remedy{}, false
	case errors.Is(context.Cause(ctx), errRunTime):
		return errRunTime.Error() + " before this was read", facts.Do("give the run more time: --timeout 5m"), true
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "the caller's time was over before this was read", facts.Do("run again with more time"), true
	}
	return "interrupted before this was read", facts.Do("run again and let it finish"), true
}

// explain says why a request to the API server failed and what would help.
func explain(err error, right Rule) (reason string, remedy facts.Remedy) {
	a, ok := answered(err)
	if !ok {
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Sprintf("no answer in time: %s %s", right.Verbs[0], right.object()), facts.Do("give each request more time: --request-timeout 30s")
		}
		return fmt.Sprintf("%s %s: %s", right.Verbs[0], right.object(), oneLine(err.Error())), facts.Do("run again; if it persists, see what kubectl -v=8 says to the same request")
	}
	words := oneLine(err.Error())
	switch a.Code {
	case http.StatusForbidden:
		return words, right.remedy()
	case http.StatusUnauthorized:
		return "the API server no longer accepts your credentials: " + words, facts.Do("log in again, then run again")
	case http.StatusTooManyRequests:
		return "the API server is too busy: " + words, facts.Do("run again later, or with less at once: --concurrency 4")
	}
	return words, facts.Do(fmt.Sprintf("the API server answered %d; run again, and see its log if it persists", a.Code))
}

// absent reports whether an API server says that the object that was asked for does not exist: its answer then names
// the object (k8s.io/apimachinery pkg/api/errors NewNotFound). The 404 of a load balancer, or of an API server that
// does not know the path, says nothing about the object, which is unread then and never gone.
func absent(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsNotFound(err) || apierrors.IsUnexpectedServerError(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details != nil && details.Name != ""
}

// maxMessage bounds a server's words in a gap.
const maxMessage = 400

// oneLine makes a server's words fit a line.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxMessage {
		return s
	}
	cut := maxMessage
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
