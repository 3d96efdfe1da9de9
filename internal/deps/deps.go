// Package deps keeps the planned dependencies in go.mod until they are used.
package deps

import (
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/olekukonko/tablewriter"
	_ "github.com/prometheus/common/expfmt"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "github.com/rogpeppe/go-internal/txtar"
	_ "github.com/santhosh-tekuri/jsonschema/v6"
	_ "github.com/spf13/cobra"
	_ "gopkg.in/evanphx/json-patch.v4"
	_ "k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	_ "k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/namespace"
	_ "k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/object"
	_ "k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules"
	_ "k8s.io/cli-runtime/pkg/genericclioptions"
	_ "k8s.io/client-go/kubernetes"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	_ "k8s.io/component-base/featuregate"
	_ "k8s.io/pod-security-admission/policy"
	_ "sigs.k8s.io/yaml"
)
