package facts

import (
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// Cause is why the API server refused a pod, as far as its own words say.
type Cause string

const (
	// CauseStripped: the API server's validation says that an init container with probes or a
	// lifecycle has no restartPolicy Always. For a pod that was sent with it, that proves the loss.
	CauseStripped Cause = "stripped"
	// CauseDenied: an admission webhook answered no.
	CauseDenied Cause = "denied"
	// CauseFailed: an admission webhook could not be called, or its answer was no answer.
	CauseFailed Cause = "failed"
	// CauseNoDryRun: a webhook declares side effects, so the API server does not call it in a dry run.
	CauseNoDryRun Cause = "no-dry-run"
	// CausePatch: the patch of some webhook does not apply to the pod. The API server does not say whose.
	CausePatch Cause = "patch"
	// CauseExpression: a match condition of some webhook failed to evaluate, with failurePolicy Fail.
	CauseExpression Cause = "expression"
	// CausePolicy: an admission policy said no, or failed.
	CausePolicy Cause = "policy"
	// CauseAccess: the caller is not allowed to create pods there.
	CauseAccess Cause = "access"
	// CauseNamespace: the namespace itself refuses (quota, limits, Pod Security, no service account,
	// being deleted); another namespace of the class might not.
	CauseNamespace Cause = "namespace"
	// CauseImmutable: an update of a pod would change what no update is allowed to, such as its init containers.
	CauseImmutable Cause = "immutable"
	// CauseNoAnswer: the API server did not answer in time, or not at all.
	CauseNoAnswer Cause = "no-answer"
	// CauseOther is everything else.
	CauseOther Cause = "other"
)

type causeText struct {
	cause Cause
	text  *pattern.Pattern
}

// naming are the API server's own texts that name a webhook or a policy, in their group; one with spaces is no name, but
// somebody's text. What comes first in a message is the API server's: what follows may quote another one.
var naming = []causeText{
	{CauseNoDryRun, pattern.New(`admission webhook "([^"\s]+)" does not support dry run`)},
	{CauseNoDryRun, pattern.New(`failed calling webhook "([^"\s]+)": Webhook SideEffects is nil`)},
	{CauseDenied, pattern.New(`admission webhook "([^"\s]+)" denied the request`)},
	{CauseFailed, pattern.New(`failed calling webhook "([^"\s]+)":`)},
	{CausePolicy, pattern.New(`ValidatingAdmissionPolicy '([^'\s]+)' (?:with binding '[^']+' )?denied request`)},
	{CausePolicy, pattern.New(`policy ['"]([^'"\s]+)['"] (?:with binding '[^']+' )?denied request`)},
}

// causes are its other texts, most telling first.
var causes = []causeText{
	{CauseStripped, pattern.New(`may not be set for init containers without restartPolicy=Always`)},
	{CauseExpression, pattern.New(`expression '.*' resulted in error`)},
	{CausePatch, pattern.New(`operation does not apply|doc is missing (?:path|key)|json: cannot unmarshal`)},
	{CauseAccess, pattern.New(`cannot (?:create|patch) resource "[^"]+" in API group "[^"]*"`)},
	{CauseNamespace, pattern.New(`exceeded quota|failed quota|violates PodSecurity|` +
		`error looking up service account|serviceaccount "[^"]*" not found|because it is being terminated|` +
		`namespaces "[^"]*" not found|(?:minimum|maximum) \S+ usage per|limit to request ratio per|no API token found for service account`)},
	{CauseImmutable, pattern.New(`pod updates may not (?:change fields other than|add or remove containers)`)},
	{CauseNoAnswer, pattern.New(`request did not complete within|context deadline exceeded|connection (?:refused|reset)`)},
}

// Cause reads the refusal's message. name is the webhook or policy that the message names; empty
// when it names none. A validating webhook may be meant as well: the message does not tell.
func (r *Refusal) Cause() (cause Cause, name string) {
	first := len(r.Message)
	for _, c := range naming {
		if m := c.text.FindStringSubmatchIndex(r.Message); m != nil && m[0] < first {
			first, cause, name = m[0], c.cause, r.Message[m[2]:m[3]]
		}
	}
	if cause != "" {
		return cause, name
	}
	for _, c := range causes {
		if c.text.MatchString(r.Message) {
			return c.cause, ""
		}
	}
	if slices.Contains(passing, r.Code) {
		return CauseNoAnswer, ""
	}
	return CauseOther, ""
}

var (
	tookTooLong = pattern.New(`request did not complete within|context deadline exceeded|in the time allotted`)
	cutShort    = pattern.New(`connection (?:refused|reset)`)
)

// TookTooLong reports whether no answer came in time. An API server whose deadline is over may also just hang up.
func (r *Refusal) TookTooLong() bool {
	return tookTooLong.MatchString(r.Message) || slices.Contains([]int32{0, 504}, r.Code) && !cutShort.MatchString(r.Message)
}

// passing are the codes of an API server that is busy, starting or no longer knows the caller:
// they tell nothing about the pod, which may be let through a moment later. 0 is no answer at all.
var passing = []int32{0, 401, 429, 502, 503, 504}

// OneLine is the message without the diff that the API server may append, bounded for evidence: its beginning says
// what was rejected, its end why. The words of a webhook are kept, which may begin with a line break (Kyverno's do).
func (r *Refusal) OneLine() string {
	line, _, _ := strings.Cut(r.Message, "\n")
	if cause, _ := r.Cause(); cause == CauseDenied {
		line = strings.Join(strings.Fields(r.Message), " ")
	}
	const most, lead = 400, 150
	if len(line) > most {
		line = strings.ToValidUTF8(line[:lead], "") + " ... " + strings.ToValidUTF8(line[len(line)-(most-lead):], "")
	}
	return line
}
