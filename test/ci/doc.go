// Package ci runs the GitHub Action, the GitLab template and the Tekton Task with programs that read them as
// the services do: actionlint and act, gitlab-ci-local, Tekton's own types. Only the machines of the services
// are missing.
package ci
