package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// ofUpdate says of a trial that it was an update.
func (r workloadRun) ofUpdate() string {
	if r.trial.Update == "" {
		return ""
	}
	return " of an update"
}

// refused says what the API server did with the update.
func (r workloadRun) refused() string {
	return fmt.Sprintf("a label of %s, set with dryRun=All, was refused: %s", r.trial.Examples[0], r.canary.Refusal.OneLine())
}

// happenedOnUpdate is what became of the template where only those tell who were called directly: the API server
// rejected the update, or there was nothing to update.
func (r workloadRun) happenedOnUpdate(kind facts.ChangeKind) []string {
	if len(r.replayed(kind)) == 0 {
		return nil
	}
	if r.trial.Update == facts.ByReview {
		return []string{fmt.Sprintf("no %s there has a native sidecar; the update of one with a native sidecar added would change it", r.trial.Kind)}
	}
	return []string{r.refused()}
}

// openUpdate are the gaps of an update of which nothing came back.
func (r workloadRun) openUpdate(s *facts.Snapshot) []facts.Gap {
	out := r.doubtfulCalls(s)
	if r.trial.Update == facts.ByReview {
		for _, review := range r.canary.Reviews {
			if review.Error == "" || slices.ContainsFunc(out, func(g facts.Gap) bool { return strings.HasSuffix(g.Scope, " "+review.Webhook) }) {
				continue
			}
			g := facts.NewGap(facts.Canaries, r.trial.Instance(), fmt.Sprintf("%s sees updates of %ss; none there has a native sidecar to try one on, and it could not be called directly: %s",
				review.Webhook, r.trial.Kind, review.Error), facts.Do("run this again when there is one with a native sidecar"))
			g.Scope += " " + review.Webhook
			out = append(out, g)
		}
		return out
	}
	for _, loss := range lossOf {
		if len(r.replayed(loss.kind)) > 0 {
			return out
		}
	}
	namespace, name, _ := strings.Cut(strings.TrimPrefix(r.trial.Examples[0], r.trial.Kind+" "), "/")
	return append(out, facts.NewGap(facts.Canaries, r.trial.Instance(), r.refused(),
		facts.Do("set a label of it by hand to see what refuses it:", prose.Shell("kubectl label %s %s -n %s --dry-run=server canary=update", r.trial.Resource, name, namespace))))
}

// onUpdates reports whether nothing but updates changed the templates.
func (g *workloadGroup) onUpdates() bool {
	return !slices.ContainsFunc(g.runs, func(r workloadRun) bool { return r.trial.Update == "" })
}

// rejected reports whether the API server rejected each of the updates.
func (g *workloadGroup) rejected() bool {
	return g.onUpdates() && !slices.ContainsFunc(g.runs, func(r workloadRun) bool { return r.canary.Refusal == nil })
}

// loses is the end of the sentence about a loss.
func (g *workloadGroup) loses(kind facts.ChangeKind, text string) string {
	if !g.rejected() {
		return text
	}
	return map[facts.ChangeKind]string{
		facts.Stripped: "lose restartPolicy: Always of their native sidecars",
		facts.Moved:    "get restartPolicy on another init container, or another order,",
		facts.Removed:  "lose their native sidecars",
	}[kind] + " on every update, which the API server therefore rejects"
}
