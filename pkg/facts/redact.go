package facts

import "slices"

// Redact takes credentials out of the texts that no Trim function has seen: what servers, webhooks and containers
// said.
func (s *Snapshot) Redact() {
	s.APIServers, s.ControlPlane, s.Kubelets = withoutSecrets(s.APIServers), withoutSecrets(s.ControlPlane), withoutSecrets(s.Kubelets)
	s.MutatingPolicies, s.Classes, s.Canaries = withoutSecrets(s.MutatingPolicies), withoutSecrets(s.Classes), withoutSecrets(s.Canaries)
	s.ValidatingPolicies = withoutSecrets(s.ValidatingPolicies)
	s.WebhookBackends, s.CustomResourceDefinitions = withoutSecrets(s.WebhookBackends), withoutSecrets(s.CustomResourceDefinitions)
	s.CustomWorkloads, s.Logs, s.Gaps, s.Limits = withoutSecrets(s.CustomWorkloads), withoutSecrets(s.Logs), withoutSecrets(s.Gaps), withoutSecrets(s.Limits)
}

// redact reduces what the snapshot holds, once more: it was reduced when it was read, and this file
// may leave the machine. Pods and what makes them are not reduced again: that is not repeatable to the letter.
func (s *Snapshot) redact() {
	if s.Server != "" {
		s.Server = RedactURL(s.Server)
	}
	s.Nodes = mapped(s.Nodes, TrimNode)
	s.Namespaces = mapped(s.Namespaces, TrimNamespace)
	s.MutatingWebhooks = mapped(s.MutatingWebhooks, TrimWebhooks)
	s.ValidatingWebhooks = mapped(s.ValidatingWebhooks, TrimValidatingWebhooks)
	s.Services = mapped(s.Services, TrimService)
	s.EndpointSlices = mapped(s.EndpointSlices, TrimEndpointSlice)
	s.APIServerLeases = mapped(s.APIServerLeases, TrimLease)
	s.Canaries = slices.Clone(s.Canaries)
	for i, c := range s.Canaries {
		if c.Returned == nil {
			continue
		}
		returned := TrimPod(c.Returned)
		returned.TypeMeta = c.Returned.TypeMeta
		s.Canaries[i].Returned = &returned
	}
	*s = withoutSecrets(*s)
}

// mapped is list with f applied to each element; nil stays nil.
func mapped[T any](list []T, f func(*T) T) []T {
	if list == nil {
		return nil
	}
	out := make([]T, 0, len(list))
	for i := range list {
		out = append(out, f(&list[i]))
	}
	return out
}
