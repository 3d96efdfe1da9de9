package facts

import (
	"net/url"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TrimWebhooks keeps what decides whether, when and how a configuration's webhooks are called; no
// annotations but [IgnoreAnnotation], no CA bundles, no credentials in URLs.
func TrimWebhooks(c *admissionregistrationv1.MutatingWebhookConfiguration) admissionregistrationv1.MutatingWebhookConfiguration {
	out := admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{
		Name: c.Name, Labels: c.Labels, Annotations: keepIgnore(c.Annotations),
	}}
	for _, w := range c.Webhooks {
		w.ClientConfig = trimClient(w.ClientConfig)
		out.Webhooks = append(out.Webhooks, withoutSecretsBut(w))
	}
	return out
}

// TrimValidatingWebhooks is TrimWebhooks for those that can only refuse.
func TrimValidatingWebhooks(c *admissionregistrationv1.ValidatingWebhookConfiguration) admissionregistrationv1.ValidatingWebhookConfiguration {
	out := admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{
		Name: c.Name, Labels: c.Labels, Annotations: keepIgnore(c.Annotations),
	}}
	for _, w := range c.Webhooks {
		w.ClientConfig = trimClient(w.ClientConfig)
		kept := withoutSecrets(w)
		kept.MatchConditions, kept.NamespaceSelector, kept.ObjectSelector = w.MatchConditions, w.NamespaceSelector, w.ObjectSelector
		out.Webhooks = append(out.Webhooks, kept)
	}
	return out
}

// trimClient is where a webhook is, without what only the API server needs to call it.
func trimClient(c admissionregistrationv1.WebhookClientConfig) admissionregistrationv1.WebhookClientConfig {
	c.CABundle = nil
	if c.URL != nil {
		u := RedactURL(*c.URL)
		c.URL = &u
	}
	return c
}

// withoutSecretsBut redacts a webhook but for what decides whether it is called: that is evaluated.
func withoutSecretsBut(w admissionregistrationv1.MutatingWebhook) admissionregistrationv1.MutatingWebhook {
	out := withoutSecrets(w)
	out.MatchConditions, out.NamespaceSelector, out.ObjectSelector = w.MatchConditions, w.NamespaceSelector, w.ObjectSelector
	return out
}

// FailsOpen reports whether the API server goes on without a webhook that it cannot call, and tells nobody.
func FailsOpen(w *admissionregistrationv1.MutatingWebhook) bool {
	return w != nil && w.FailurePolicy != nil && *w.FailurePolicy == admissionregistrationv1.Ignore
}

// IdleOnDryRun reports whether a webhook declares that it has side effects, but none on dry runs. What it leaves out
// then may be all that it does.
func IdleOnDryRun(w *admissionregistrationv1.MutatingWebhook) bool {
	return w != nil && w.SideEffects != nil && *w.SideEffects == admissionregistrationv1.SideEffectClassNoneOnDryRun
}

// RedactURL removes what may be secret in a URL: user, password, the values of its query, and keys in
// its path.
func RedactURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(a URL that cannot be read)"
	}
	if u.User != nil {
		u.User = url.User("REDACTED")
	}
	if u.RawQuery != "" {
		query := u.Query()
		for _, values := range query {
			for i := range values {
				values[i] = "REDACTED"
			}
		}
		u.RawQuery = query.Encode()
	}
	u.Fragment, u.RawFragment = "", ""
	if path := redactPath(u.Path); path != u.Path {
		u.Path, u.RawPath = path, ""
	}
	return u.String()
}

// A key is a part of a path that nobody would have made up: long, and with many digits. An API
// server allows a webhook neither user nor query, so keys are put into the path.
const keyLength, keyDigits = 16, 4

func redactPath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		digits := 0
		for _, r := range part {
			if r >= '0' && r <= '9' {
				digits++
			}
		}
		if len(part) >= keyLength && digits >= keyDigits {
			parts[i] = redacted
		}
	}
	return strings.Join(parts, "/")
}

// MutatingPoliciesOf joins policies and their bindings, sorted by name.
func MutatingPoliciesOf(policies []admissionregistrationv1.MutatingAdmissionPolicy, bindings []admissionregistrationv1.MutatingAdmissionPolicyBinding) []MutatingPolicy {
	var out []MutatingPolicy
	for i := range policies {
		p := MutatingPolicy{Name: policies[i].Name, MatchesPods: matchesPods(policies[i].Spec.MatchConstraints), Ignore: IgnoreOf(policies[i].Annotations)}
		rules := rulesOf(policies[i].Spec.MatchConstraints)
		p.MatchesTemplates, p.MatchesPodUpdates = SeesTemplates(rules), SeesPodUpdates(rules)
		for _, b := range bindings {
			if b.Spec.PolicyName == p.Name {
				p.Bindings = append(p.Bindings, b.Name)
			}
		}
		slices.Sort(p.Bindings)
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b MutatingPolicy) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// ValidatingPoliciesOf joins policies and their bindings, sorted by name.
func ValidatingPoliciesOf(policies []admissionregistrationv1.ValidatingAdmissionPolicy, bindings []admissionregistrationv1.ValidatingAdmissionPolicyBinding) []ValidatingPolicy {
	var out []ValidatingPolicy
	for i := range policies {
		p := ValidatingPolicy{
			Name: policies[i].Name, MatchesPods: matchesPods(policies[i].Spec.MatchConstraints), Ignore: IgnoreOf(policies[i].Annotations),
			MatchesTemplates: CreatesTemplates(rulesOf(policies[i].Spec.MatchConstraints)),
		}
		for _, b := range bindings {
			switch {
			case b.Spec.PolicyName != p.Name:
			case slices.Contains(b.Spec.ValidationActions, admissionregistrationv1.Deny):
				p.Bindings = append(p.Bindings, b.Name)
			default:
				p.Advising = append(p.Advising, b.Name)
			}
		}
		slices.Sort(p.Bindings)
		slices.Sort(p.Advising)
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b ValidatingPolicy) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// matchesPods reports whether the creation of some pod passes the resource rules. Selectors and
// conditions are not looked at: they narrow where, not whether.
func matchesPods(m *admissionregistrationv1.MatchResources) bool {
	if m == nil {
		return false
	}
	covers := func(r admissionregistrationv1.NamedRuleWithOperations) bool {
		return hasOr(r.APIGroups, "") && hasOr(r.APIVersions, "v1") && HasResource(r.Resources, "pods") &&
			hasOr(r.Operations, admissionregistrationv1.Create) &&
			(r.Scope == nil || *r.Scope != admissionregistrationv1.ClusterScope)
	}
	excluded := func(r admissionregistrationv1.NamedRuleWithOperations) bool {
		return covers(r) && len(r.ResourceNames) == 0
	}
	return slices.ContainsFunc(m.ResourceRules, covers) && !slices.ContainsFunc(m.ExcludeResourceRules, excluded)
}

// HasResource reports whether the resources of a rule have a resource itself, whatever is below it. "pods/*" has pods, too:
// the API server's matcher lets "*" stand for no subresource as well (k8s.io/apiserver webhook/predicates/rules).
func HasResource(resources []string, resource string) bool {
	return hasOr(resources, resource, resource+"/*", "*/*")
}

// hasOr reports whether list has "*" or one of the values.
func hasOr[T ~string](list []T, values ...T) bool {
	return slices.Contains(list, "*") || slices.ContainsFunc(list, func(s T) bool { return slices.Contains(values, s) })
}
