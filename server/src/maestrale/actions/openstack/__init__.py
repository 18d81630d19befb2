"""OpenStack services as actions: ``openstack.<service>.<call>`` from openstacksdk, and the names that Mistral gives them.

``catalogue`` is what the registry asks; ``generation`` reads openstacksdk's proxies, ``table`` the data files that say how Mistral's
names are served; ``filling`` turns a row of that table and inputs into a request, ``wire`` sends
it; ``connections`` finds out in whose name.
"""
