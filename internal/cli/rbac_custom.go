package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validation"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// customRights are those to try the templates of custom resources, which no role can name beforehand. Each is named
// RESOURCE.GROUP.
func customRights(command string, names []string, list []right) ([]right, error) {
	var out []right
	for _, name := range names {
		resource, group, _ := strings.Cut(name, ".")
		if len(validation.NameIsDNSLabel(resource, false)) > 0 || len(validation.NameIsDNSSubdomain(group, false)) > 0 {
			return nil, usage("for example --custom rollouts.argoproj.io", "--custom: %q is not RESOURCE.GROUP", name)
		}
		switch {
		case command == "lint":
			out = append(out, readRights(collect.CustomWorkloadRules("list", group, resource))...)
			continue
		case command == "convert":
			out = append(out, readRights(collect.CustomWorkloadRules("get", group, resource))...)
			continue
		case !triesTemplates(list):
			return nil, usage("leave it out", "--custom: what the role is for tries no templates")
		}
		rules := collect.CustomRules(group, resource)
		if command == "plan" {
			rules = append(rules, collect.CustomWorkloadRules("list", group, resource)...)
		}
		more := rights(rules, func(r collect.Rule) []facts.Kind { return []facts.Kind{r.Kind} })
		for i := range more {
			if command != "plan" {
				more[i].Checks = slices.Clone(ofTemplates)
			}
			switch more[i].Verb {
			case "create":
				more[i].Danger = asPods
			case "patch":
				more[i].Danger = asChanges
			}
		}
		out = append(out, more...)
	}
	return out, nil
}

// triesTemplates reports whether rights are for a run that creates workloads.
func triesTemplates(list []right) bool {
	return slices.ContainsFunc(list, func(r right) bool { return r.String() == "create deployments.apps" })
}

// explainCustom says what a role lacks for custom resources, and how to get it.
func explainCustom(out *bytes.Buffer, paragraph func(lead, text string)) {
	fmt.Fprint(out, "\ncreate RESOURCE.GROUP, list RESOURCE.GROUP and patch RESOURCE.GROUP in the whole cluster, not in this role\n")
	paragraph("for: ", collect.CustomRules("", "")[0].Why+"; custom resources that have pod templates, too")
	paragraph("rules to add: ", "rbac --custom RESOURCE.GROUP prints them, such as rbac --custom rollouts.argoproj.io; doctor names each that it was not allowed to try")
	paragraph("unknown without it, where a webhook or policy sees their creation or update: ", strings.Join(ofTemplates, ", "))
}
