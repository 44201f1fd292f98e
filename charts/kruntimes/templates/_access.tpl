{{/*
A role and its binding, for the whole scope of the release: of the cluster, or in the one namespace. Arguments: root, name, rules, account (a
ServiceAccount of the release), annotations (optional).
*/}}
{{- define "kruntimes.scopeAccess" -}}
{{- $name := include "kruntimes.clusterName" . -}}
{{- $namespace := .root.Values.watchNamespace -}}
{{- include "kruntimes.access" (merge (dict "kind" (ternary "ClusterRole" "Role" (empty $namespace)) "namespace" $namespace "fullName" $name) .) -}}
{{- end -}}

{{/* The same in one namespace. Arguments: those, and namespace. */}}
{{- define "kruntimes.namespaceAccess" -}}
{{- include "kruntimes.access" (merge (dict "kind" "Role" "fullName" (include "kruntimes.clusterName" .)) .) -}}
{{- end -}}

{{- define "kruntimes.access" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
{{ include "kruntimes.accessMetadata" . }}
rules:
  {{- toYaml .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
{{ include "kruntimes.accessMetadata" . }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .fullName }}
subjects:
  - kind: ServiceAccount
    name: {{ .account }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}

{{- define "kruntimes.accessMetadata" -}}
metadata:
  name: {{ .fullName }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "kruntimes.labels" .root | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* What a component may do in its scope. Arguments: root, name. */}}
{{- define "kruntimes.rules" -}}
{{- toYaml (fromYaml (.root.Files.Get (printf "files/rbac/%s.yaml" .name))).rules -}}
{{- end -}}
