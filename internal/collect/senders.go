package collect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// senders is whom canaries are sent as.
type senders struct {
	// chain knows all of them.
	chain *admission.Chain
	// controllers is whether the controllers are among them.
	controllers bool
	// named are other service accounts: those that match conditions name.
	named []string
}

// accountsOfPrefix is how many service accounts are tried whose names begin as a condition says.
const accountsOfPrefix = 3

// sendersOf finds out as whom canaries can be sent, where it matters. Without the right to act as the controllers
// the templates' creators are forgotten: their canaries are the caller's.
func (c *collector) sendersOf(ctx context.Context, chain *admission.Chain, templates []admission.Template, accounts map[string]*corev1.ServiceAccount) senders {
	asks, literals := chain.AsksForUser()
	workloads := slices.ContainsFunc(templates, func(t admission.Template) bool { return t.Creator != "" })
	out := senders{chain: chain}
	if !asks && !workloads {
		return out
	}
	if out.controllers = !c.opts.NoImpersonation && c.asControllers(ctx); !out.controllers {
		for i := range templates {
			templates[i].Creator = ""
		}
		return out
	}
	for _, user := range withPrefixes(literals, accounts) {
		if c.mayBe(ctx, user) {
			out.named = append(out.named, user)
		}
	}
	out.chain = chain.Knowing(out.named).By("")
	return out
}

// withPrefixes are the users that conditions name, those whose beginning they name as far as they exist.
func withPrefixes(literals []string, accounts map[string]*corev1.ServiceAccount) []string {
	var out []string
	for _, literal := range literals {
		namespace, name, _ := admission.SplitAccount(literal)
		if _, exists := accounts[namespace+"/"+name]; exists {
			out = append(out, literal)
			continue
		}
		n := 0
		for _, key := range slices.Sorted(maps.Keys(accounts)) {
			user := admission.AccountUser(accounts[key].Namespace, accounts[key].Name)
			if strings.HasPrefix(user, literal) && n < accountsOfPrefix {
				out, n = append(out, user), n+1
			}
		}
	}
	return slices.Compact(out)
}

// noteSenders records that canaries were not sent as their controllers, where a webhook would have seen the difference.
func (c *collector) noteSenders(s senders, shapes []class) {
	seenBy := func(webhooks func(class) int) bool {
		return slices.ContainsFunc(shapes, func(c class) bool { return c.fact.Shape.Own && !c.fact.Shape.Running && webhooks(c) > 0 })
	}
	kind := facts.Canaries
	switch {
	case s.controllers:
		return
	case seenBy(func(c class) int { return len(c.webhooks) }):
	case seenBy(func(c class) int { return len(validatingWebhooksOf(c.validating)) }):
		kind = facts.ValidatingWebhooks // who can only refuse leaves nothing else open
	default:
		return
	}
	if c.opts.NoImpersonation {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.snapshot.Limits = append(c.snapshot.Limits, "canaries: sent as you, not as the controllers that create pods")
		return
	}
	const sent = "canaries were sent as you, not as the controllers that create pods, and webhooks can tell: "
	if as := c.opts.Config.Impersonate.UserName; as != "" {
		c.gap(kind, senderInstance, sent+"you act as "+as+" already", facts.Do("run it without --as, with the right to impersonate the controllers: kubectl sidecar rbac"))
		return
	}
	c.gap(kind, senderInstance, sent+fmt.Sprintf("you are not allowed to impersonate %s", impersonateControllers.object()), impersonateControllers.remedy())
}

// senderInstance is a gap about whom canaries were sent as.
var senderInstance = facts.Instance{Part: facts.PartCreators}

// owned are the classes of pods that have an owner, where anybody would see them: created by a controller if they
// can be, and with an owner that is not their controller.
//
// Of those that nobody changes, they are only the ones in which other validating webhooks or policies are asked than about
// the pods of classes.
func (c *collector) owned(s senders, namespaces []corev1.Namespace, classes []class) []class {
	chain, user := s.chain, ""
	if s.controllers {
		user = admission.ControllerUser(admission.ReplicaSetController)
		chain = s.chain.By(user)
	}
	byController := func(ns string) *corev1.Pod { return admission.OwnedCanary(ns, true) }
	byOther := func(ns string) *corev1.Pod { return admission.OwnedCanary(ns, false) }
	all := append(variantsOf(chain, namespaces, facts.Class{Variant: "that a ReplicaSet owns", User: user}, byController),
		variantsOf(s.chain, namespaces, facts.Class{Variant: "that something owns which is not their controller"}, byOther)...)
	return slices.DeleteFunc(all, func(v class) bool {
		return len(v.fact.Webhooks)+len(v.fact.Policies) == 0 && v.metBy(classes)
	})
}

// variantsOf are the classes for canaries of a kind, of those that meet a webhook or policy. as says what is
// special about them.
func variantsOf(chain *admission.Chain, namespaces []corev1.Namespace, as facts.Class, canary func(string) *corev1.Pod) []class {
	var out []class
	for _, group := range chain.Classes(namespaces, canary("")) {
		if group.None() {
			continue
		}
		next := newClass("", group, canary)
		next.fact.Variant, next.fact.User = as.Variant, as.User
		out = append(out, next)
	}
	return out
}

// created are the classes of pods that other users create than the caller and the ReplicaSet controller, where those
// meet a webhook that asks for the user and that nobody else meets, or a policy that may do something else for them.
func (c *collector) created(s senders, namespaces []corev1.Namespace, plain []class) []class {
	if asks, _ := s.chain.AsksForUser(); !asks || !s.controllers {
		return nil
	}
	var out []class
	byUser := s.chain.ActsByUser()
	for _, name := range s.chain.Validators().ActsByUser() {
		byUser = append(byUser, asValidator(name))
	}
	users := append([]string(nil), s.named...)
	for _, name := range admission.Controllers() {
		users = append(users, admission.ControllerUser(name))
	}
	for _, user := range users {
		as := facts.Class{Variant: "that " + user + " creates", User: user}
		for _, v := range variantsOf(s.chain.By(user), namespaces, as, admission.Canary) {
			if !v.metBy(append(plain, out...)) || slices.ContainsFunc(v.met(), func(name string) bool { return slices.Contains(byUser, name) }) {
				out = append(out, v)
			}
		}
	}
	return out
}

// met are the names of all who are called for the class; those of validators are told apart.
func (c *class) met() []string {
	out := slices.Concat(c.fact.Policies, c.fact.Webhooks)
	for _, v := range c.fact.Validating {
		out = append(out, asValidator(v.Called))
	}
	return out
}

// asValidator is the name of a validating webhook or policy: a mutating one may have the same.
func asValidator(name string) string { return "validating " + name }

// metBy reports whether others have met all webhooks and policies of the class in its first namespace.
func (c *class) metBy(others []class) bool {
	first := c.fact.Namespaces[0]
	met := map[string]bool{}
	for i := range others {
		if !slices.Contains(others[i].fact.Namespaces, first) {
			continue
		}
		uncertain := others[i].uncertain()
		for _, name := range others[i].met() {
			met[name] = met[name] || !uncertain[name]
		}
	}
	return !slices.ContainsFunc(c.met(), func(name string) bool { return !met[name] })
}

// uncertain are those of met of which it is not certain that they are called.
func (c *class) uncertain() map[string]bool {
	out := map[string]bool{}
	for name := range c.fact.Uncertain {
		out[name] = true
	}
	for _, call := range c.validating { // what may differ between namespaces is called all the same
		if call.Maybe != "" {
			out[asValidator(call.Name())] = true
		}
	}
	return out
}
